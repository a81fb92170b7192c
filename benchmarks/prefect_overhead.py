"""What Prefect costs after its start: seconds a flow and milliseconds a task, around work that does nothing.

    python -m benchmarks.prefect_overhead [FLOWS] [TASKS]

Flows of no tasks and of TASKS tasks alternate, as ticks with little and with much to do; medians and the worst are shown.
Promised: half a second a flow, 40 ms a task.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cs_engine.prefect_server import EmbeddedServer


def main(flows: int, tasks: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PREFECT_HOME"] = folder  # not among the user's own runs
        server = EmbeddedServer(Path(folder) / "prefect.log")
        began = time.perf_counter()
        server.start()
        from cs_engine.prefect_flows import FLOW, Once, reporting_to, unit  # first: it sets what Prefect reads when it is imported
        from prefect import flow  # isort: skip

        units = [unit(f"overhead/step-{number}") for number in range(tasks)]

        @flow(name="overhead", **FLOW)
        def overhead(many: int) -> None:
            for one in units[:many]:
                one(Once(lambda: None))

        def timed(many: int) -> float:
            start = time.perf_counter()
            overhead(many)
            return time.perf_counter() - start

        with reporting_to(server):
            print(f"import and server            {time.perf_counter() - began:8.1f} s")
            print(f"first flow                   {timed(1):8.2f} s")
            bare, full = [], []
            for _ in range(flows):
                bare.append(timed(0))
                full.append(timed(tasks))
    flow_cost = statistics.median(bare)
    print(f"a flow without tasks         {flow_cost:8.2f} s   worst {max(bare):.2f}")
    print(f"a flow of {tasks} tasks           {statistics.median(full):8.2f} s   worst {max(full):.2f}")
    print(f"a task                       {1000 * (statistics.median(full) - flow_cost) / tasks:8.1f} ms")
    print(f"a tick of {tasks} tasks, mean     {statistics.mean(full):8.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 30)
