"""Where things lie in a drawing, worked out by hand."""

import pytest

from deeptell.answers import FrameScore
from deeptell.records import OperatingPoint
from deeptell.report import plots


def scores(*moments):
    return [FrameScore(i, s, p, (0, 0, 1, 1)) for i, (s, p) in enumerate(moments)]


def lay(rows, **changed):
    usual = {"worst": (), "seconds": 4.0, "lines": None}
    return plots.timeline(rows, **usual | changed)


def test_dots_and_bars_lie_where_time_and_score_say():
    plot = lay(scores((0, 0.0), (1, 0.5), (4, 1.0)), worst=[(1, 2)], lines=plots.Lines(0.2, 0.8))
    assert plot.dots == ((0, 150), (25, 75), (100, 0))
    assert plot.worst == ((25, 50),)
    assert (plot.y(plot.lines.flag), plot.y(plot.lines.clear)) == (30, 120)


def test_the_line_breaks_where_the_person_was_not_seen():
    plot = lay(scores((0, 0.5), (0.1, 0.5), (0.2, 0.5), (3, 0.5), (3.1, 0.5)))
    assert [len(stroke.split()) for stroke in plot.strokes] == [3, 2]


def test_the_axis_reaches_every_score():
    assert lay(scores((0, 0.1), (8, 0.2)), seconds=4.0).dots[-1][0] == 100
    assert lay(scores((0, 0.1), (0, 0.2)), seconds=0.0).dots == ((0, 135), (0, 120))


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (4.0, ["0 s", "1 s", "2 s", "3 s", "4 s"]),
        (1.6, ["0 s", "0.5 s", "1 s", "1.5 s"]),
        (59.0, ["0 s", "15 s", "30 s", "45 s"]),
        (150.0, ["0:00", "0:30", "1:00", "1:30", "2:00", "2:30"]),
        (7300.0, ["0:00", "30:00", "60:00", "90:00", "120:00"]),
    ],
)
def test_ticks_are_few_and_round(seconds, labels):
    ticks = lay(scores((0, 0.5)), seconds=seconds).ticks
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for _, text in ticks] == labels


def test_a_threshold_that_no_score_reaches_stays_in_the_picture():
    points = {
        name: OperatingPoint(name, threshold, 0.0, 0.0, 1, 1)
        for name, threshold in (("flag", 1.0000000000000002), ("clear", 0.5))
    }
    assert plots.Lines.of(points) == plots.Lines(0.5, 1.0)
    assert plots.Lines.of({}) is None
