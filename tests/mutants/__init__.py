"""Whether the suite sees a broken product: mutants, each against the tests that concern it.

python -m tests.mutants [--seed N] [--count N] [--repeat FILE] [--json FILE]
"""
