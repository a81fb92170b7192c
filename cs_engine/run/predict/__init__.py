"""`cs-engine predict`: what early facts go with an outcome, learned from history and judged on what came later."""
