"""The examples of docs/scores.md run as they are printed, one after the other."""


def test_examples_run(run_examples):
    printed = run_examples("scores.md")
    assert len(printed) == 2
    assert printed[0].endswith("EUR")
    assert all("±" in line for line in printed[1].splitlines())
