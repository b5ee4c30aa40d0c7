"""The example of docs/policies.md runs as it is printed."""


def test_the_learned_policy_is_the_cheapest_in_the_example(run_examples):
    (printed,) = run_examples("policies.md")
    bills = dict(line.split(": ") for line in printed.splitlines())
    assert float(bills["ContinuationValue"]) < float(bills["CUSUM"]) < float(bills["Never"])
