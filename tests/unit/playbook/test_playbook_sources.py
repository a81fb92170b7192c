"""Where a source lies is said once, at its place; and no password stands in Git."""

from __future__ import annotations

import pytest

from tests.unit.playbook.folder import Folder

PROJECT = """\
name: Sample
sources:
  accounts: {accounts}
  contacts: {{file: contacts.csv}}
  usage: {{file: usage.csv}}
  databases:
    warehouse: {database}
company: {{name: Sample}}
sender: {{fallback: lead@vendor.example}}
topics:
  onboarding: {{title: Getting started}}
"""
GOOD = "{url: '${WAREHOUSE_URL}'}"


def problem(folder: Folder, accounts: str, database: str = GOOD) -> str:
    folder.write("playbooks/project.yaml", PROJECT.format(accounts=accounts, database=database))
    return "\n".join(folder.said())


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ("{id: account_no}", "3:13 error P102 it does not say where the source lies"),
        ("{file: a.csv, database: warehouse, table: t}", "3:27 error P105 a source lies in one place: `file` and `database` are two"),
        ("{table: t}", "3:14 error P102 `table` without `database`"),
        ("{database: warehouse}", "3:14 error P102 `database` needs either `table` or `query`"),
        ("{database: warehouse, table: t, query: SELECT 1}", "`database` needs either `table` or `query`"),
        ("{database: warehouse, table: 't; DROP TABLE t'}", "3:35 error P105 it is no name of a table"),
        ("{database: warehouse, query: 'DELETE FROM t'}", "3:35 error P105 a `query` is one SELECT"),
        ("{database: warehouse, query: 'SELECT 1; DROP TABLE t'}", "a `query` is one SELECT"),
        ("{file: a.csv, newest: 2 business days}", "3:27 error P212 the age of a source is not counted in business days"),
        ("{file: a.csv, at_least: 0}", '"at_least" must be at least 1'),
        ("{database: warehose, table: t}", 'accounts lies in a database "warehose" that there is not; did you mean "warehouse"?'),
    ],
)
def test_where_a_source_lies_is_said_once(accounts: str, said: str, folder: Folder) -> None:
    assert said in problem(folder, accounts)


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("{}", "7:16 error P102 a database has either `url` or `duckdb`"),
        ("{url: '${A}', duckdb: a.duckdb}", "a database has either `url` or `duckdb`"),
        ("{url: '${A}', every: 1 business day}", "the age of what was read is not counted in business days"),
    ],
)
def test_a_database_has_one_address(database: str, said: str, folder: Folder) -> None:
    assert said in problem(folder, "{file: accounts.csv}", database)


def test_an_address_in_git_is_refused_and_its_password_not_shown(folder: Folder) -> None:
    text = PROJECT.format(accounts="{file: accounts.csv}", database="{url: 'postgresql://somebody:hunter2@host/db'}")
    folder.write("playbooks/project.yaml", text)
    (found,) = folder.problems()
    assert "does not belong in Git" in found.message
    assert "hunter2" not in found.render(text)
