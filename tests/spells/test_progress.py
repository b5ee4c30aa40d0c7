"""A display of stages: what it shows on a terminal, and that it is silent everywhere else."""

import io

import pytest
from rich.console import Console
from rich.errors import LiveError
from rich.progress import Progress

from learning_debt.spells.progress import Stages


def terminal(**changes):
    options = {"force_terminal": True, "width": 100, "_environ": {"TERM": "xterm"}, "legacy_windows": False}
    return Console(file=io.StringIO(), **{**options, **changes})


def text(console):
    return console.file.getvalue()


def test_a_stage_shows_its_name_and_how_much_of_all_is_done():
    console = terminal()
    with Stages(console=console) as stages, stages.stage("fitting anchors", 4) as stage:
        stage.advance()
        stage.advance(2)
        stages._display.refresh()
        assert (stage.done, stage.total) == (3, 4)
    assert "fitting anchors" in text(console)
    assert "3/4" in text(console)
    assert "0:00:00" in text(console)


def test_stages_may_stand_inside_each_other_and_end_one_by_one():
    console = terminal()
    with Stages(console=console) as stages, stages.stage("periods", 2) as periods:
        with stages.stage("densities", 7) as densities:
            densities.advance()
            assert len(stages._display.tasks) == 2
        periods.advance()
        assert [task.description for task in stages._display.tasks] == ["periods"]
        assert stages._display.tasks[0].completed == 1
    assert not stages._display.tasks


def test_more_work_may_be_found_on_the_way():
    with Stages(console=terminal()) as stages, stages.stage("fitting anchors") as stage:
        (task,) = stages._display.tasks
        assert task.total is None
        stage.expect(9)
        assert task.total == stage.total == 9


def test_a_name_with_brackets_is_shown_as_it_is_written():
    console = terminal()
    with Stages(console=console) as stages, stages.stage("store [red]5", 1):
        stages._display.refresh()
    assert "store [red]5" in text(console)


def test_nothing_is_left_behind_after_an_error():
    console = terminal()
    with pytest.raises(RuntimeError, match="sampling"), Stages(console=console) as stages, stages.stage("compiling"):
        raise RuntimeError("sampling failed")
    assert not stages._display.live.is_started
    assert not stages._display.tasks
    erase, show_cursor = "\x1b[2K", "\x1b[?25h"
    assert (
        text(console).rpartition(erase)[2].strip() == show_cursor
    )  # nothing was written after the line was taken away


@pytest.mark.parametrize(
    ("enabled", "console"),
    [
        (False, terminal()),
        (True, Console(file=io.StringIO(), force_terminal=False)),
        (True, terminal(_environ={"TERM": "dumb"})),
    ],
    ids=["disabled", "no terminal", "no cursor"],
)
def test_it_is_silent_where_it_is_disabled_or_there_is_no_terminal(enabled, console):
    with Stages(enabled, console=console) as stages, stages.stage("compiling", 1) as stage:
        stage.advance()
        assert not stages.shown
        assert stage.done == 1
    assert text(console) == ""


def test_it_stands_beside_a_display_that_is_there_already():
    console = terminal()
    with Progress(console=console) as theirs:
        task = theirs.add_task("the caller's own", total=1)
        with Stages(console=console) as stages, stages.stage("compiling", 1) as stage:
            stage.advance()
        theirs.update(task, advance=1)
        assert theirs.live.is_started
    assert "the caller's own" in text(console)


def test_it_gives_way_where_there_is_room_for_one_display(monkeypatch):
    def refused(self):
        raise LiveError("Only one live display may be active at once")

    monkeypatch.setattr(Progress, "start", refused)
    console = terminal()
    with Stages(console=console) as stages, stages.stage("compiling", 1) as stage:
        stage.advance()
        assert not stages.shown
    assert text(console) == ""
