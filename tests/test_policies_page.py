"""The examples of docs/policies.md run as they are printed."""


def test_the_learned_policy_is_the_cheapest_in_the_example(run_examples):
    printed, kept = run_examples("policies.md")
    bills = dict(line.split(": ") for line in printed.splitlines())
    assert float(bills["ContinuationValue"]) < float(bills["CUSUM"]) < float(bills["Never"])
    assert kept == "True"
