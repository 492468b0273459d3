"""The rules from what was seen, and a score, to an answer: for any of them, and by example."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from deeptell.answers import PersonResult, Reason, Verdict
from deeptell.records import OperatingPoint
from deeptell.scan.reasons import CODES, UNSEEN, because
from deeptell.scan.verdict import Seen, doubts, judge, judge_file

POINTS = (
    OperatingPoint("flag", 0.8, 0.05, 0.7, real_videos=40, fake_videos=160),
    OperatingPoint("clear", 0.3, 0.4, 0.95, real_videos=40, fake_videos=160),
)
WITH_STRETCHES = tuple(replace(point, stretches=True) for point in POINTS)
GOOD = Seen(faces=32, frames=100, face_px=120, fine_detail=0.05, drawn=0.5)
NOBODY = because("no_face", "No face was found.")
ORDER = [Verdict.NOT_FOUND, Verdict.CANNOT_TELL, Verdict.MANIPULATED]

shares = st.floats(0, 1)
seen = st.builds(
    Seen,
    faces=st.integers(1, 40),
    frames=st.integers(1, 500),
    face_px=st.floats(12, 900),
    fine_detail=st.floats(0, 0.3),
    drawn=shares,
    quantiser=st.none() | st.floats(0, 51),
    damage=st.floats(0, 3),
    distance_rank=st.none() | shares,
    reference_videos=st.integers(0, 500),
)


def person(number, probability, *codes, verdict=Verdict.CANNOT_TELL):
    """Somebody with these reasons; without any, whom the lines judge."""
    reasons = tuple(because(code, f"{code}.") for code in codes)
    if not codes:
        verdict, reasons = judge(probability, POINTS, standing=probability)
    return PersonResult(number, (number,), verdict, reasons, probability, (), (), 80.0)


people = st.lists(
    st.one_of(
        st.builds(lambda p: (p,), shares),
        st.builds(lambda p, code: (p, code), shares, st.sampled_from(sorted(UNSEEN))),
        st.builds(lambda p: (p, "unlike_training"), shares),
    ),
    max_size=5,
).map(lambda drawn: [person(n, *one) for n, one in enumerate(drawn, start=1)])


@given(shares, shares, st.sampled_from([POINTS, WITH_STRETCHES, (), POINTS[:1]]))
def test_every_score_has_one_answer_with_its_reason(probability, standing, points):
    verdict, (reason,) = judge(probability, points, standing=standing)
    assert reason.code in CODES
    assert verdict in ORDER
    if len(points) < 2:
        assert (verdict, reason.code) == (Verdict.CANNOT_TELL, "no_error_rates")


@given(shares, shares, shares, st.sampled_from([POINTS, WITH_STRETCHES]))
def test_a_higher_score_is_never_less_suspicious(first, second, standing, points):
    low, high = sorted((first, second))
    before, after = (ORDER.index(judge(p, points, standing=standing)[0]) for p in (low, high))
    assert before <= after


@given(seen)
def test_what_was_seen_badly_is_named_by_each_rule_that_it_breaks(what):
    named = {reason.code for reason in doubts(what)}
    rules = {
        "too_few_faces": what.faces < min(3, what.frames),
        "face_too_small": what.face_px < 40,
        "too_blurred": what.fine_detail < 0.005,
        "too_compressed": what.quantiser is not None and what.quantiser >= 44,
        "damaged": what.damage > 0.1,
        "not_filmed": what.drawn > 0.66,
        "unlike_training": what.distance_rank == 1 and what.reference_videos >= 19,
    }
    assert named == {code for code, broken in rules.items() if broken}


@given(people)
def test_a_file_has_the_answer_of_its_most_suspicious_judged_person(everyone):
    verdict, reasons = judge_file(everyone, otherwise=NOBODY)
    told = [one for one in everyone if not {r.code for r in one.reasons} & UNSEEN]
    expected = max((one.verdict for one in told), key=ORDER.index, default=Verdict.CANNOT_TELL)
    assert verdict is expected
    assert reasons
    codes = [reason.code for reason in reasons]
    assert set(codes) <= CODES.keys()
    assert ("people_disagree" in codes) == (len({one.verdict for one in told}) > 1)
    assert ("some_not_judged" in codes) == bool(told and len(told) < len(everyone))


def test_three_answers_and_what_they_rest_on():
    for score, verdict, code, words in (
        (0.80, Verdict.MANIPULATED, "above_flag", "2 of 40 real videos"),
        (0.79, Verdict.CANNOT_TELL, "between_points", "between the two lines"),
        (0.30, Verdict.CANNOT_TELL, "between_points", "between the two lines"),
        (0.29, Verdict.NOT_FOUND, "below_clear", "8 of 160 manipulated"),
    ):
        found, (reason,) = judge(score, POINTS, standing=score)
        assert (found, reason.code) == (verdict, code)
        assert words in reason.text


def test_a_stretch_is_a_finding_where_its_error_rate_was_measured():
    """And else takes an all-clear back, as a mean hides a second that was manipulated."""
    verdict, (reason,) = judge(0.1, WITH_STRETCHES, standing=0.9, stretches=[(2.0, 3.0)])
    assert (verdict, reason.code) == (Verdict.MANIPULATED, "stretch_above_flag")
    assert "from 2.0 to 3.0 seconds" in reason.text
    assert "2 of 40 real videos" in reason.text
    verdict, (reason,) = judge(0.1, WITH_STRETCHES, standing=0.5)
    assert (verdict, reason.code) == (Verdict.CANNOT_TELL, "between_points")
    assert "of a stretch" in reason.text
    verdict, (reason,) = judge(0.1, POINTS, standing=0.9, stretches=[(2.0, 3.0), (5.0, 6.5)])
    assert (verdict, reason.code) == (Verdict.CANNOT_TELL, "stretch_above_flag")
    assert "and from 5.0 to 6.5 seconds" in reason.text
    assert judge(0.1, POINTS, standing=0.9)[0] is Verdict.NOT_FOUND


def test_a_picture_has_one_face_and_that_is_enough():
    assert doubts(replace(GOOD, faces=1, frames=1)) == ()
    (reason,) = doubts(replace(GOOD, faces=2))
    assert "Only 2 faces were seen well enough; at least 3" in reason.text
    assert "39 pixels" in doubts(replace(GOOD, face_px=39))[0].text


def test_a_person_hardly_seen_hides_nothing_but_an_undecided_one_does():
    clear, small = person(1, 0.1), person(2, 0.9, "face_too_small")
    verdict, reasons = judge_file([clear, small], otherwise=NOBODY)
    assert verdict is Verdict.NOT_FOUND
    assert reasons[0].text.startswith("Person 1: ")
    assert reasons[-1].text == "1 of 2 people could not be judged."
    for other in (person(2, 0.5), person(2, 0.9, "unlike_training")):
        assert judge_file([clear, other], otherwise=NOBODY)[0] is Verdict.CANNOT_TELL
    assert judge_file([small], otherwise=NOBODY) == (Verdict.CANNOT_TELL, small.reasons)
    assert judge_file([], otherwise=NOBODY) == (Verdict.CANNOT_TELL, (NOBODY,))


def test_a_flagged_person_among_others_flags_the_file_and_is_named():
    verdict, reasons = judge_file([person(1, 0.1), person(2, 0.9)], otherwise=NOBODY)
    assert verdict is Verdict.MANIPULATED
    assert [reason.code for reason in reasons] == ["above_flag", "people_disagree"]
    assert reasons[0].text.startswith("Person 2: ")


def test_the_table_of_codes_in_the_docs_is_that_of_the_program():
    page = (Path(__file__).parents[2] / "docs" / "scanning.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    told = [row.split("`")[1] for row in rows]
    assert set(CODES) <= set(told)
    assert str(Reason("no_face", "None.")) == "None."
