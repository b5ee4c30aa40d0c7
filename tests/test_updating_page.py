"""The examples of docs/updating.md run as they are printed, one after the other."""


def test_examples_run(run_examples):
    printed = run_examples("updating.md")
    assert all(printed)
    assert len(printed) == 6
