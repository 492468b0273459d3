from deeptell.records import FrameScore, OperatingPoint, PersonResult, Verdict
from deeptell.scan.timeline import worst_seconds
from deeptell.scan.verdict import judge, judge_file, judge_stretches, too_little

POINTS = (
    OperatingPoint("flag", 0.8, 0.05, 0.7, real_videos=40, fake_videos=160),
    OperatingPoint("clear", 0.3, 0.4, 0.95, real_videos=40, fake_videos=160),
)


def person(number: int, probability: float | None) -> PersonResult:
    verdict, reasons = (Verdict.CANNOT_TELL, ("Too small.",))
    if probability is not None:
        verdict, reasons = judge(probability, POINTS)
    return PersonResult(number, (number,), verdict, reasons, probability, (), (), 80.0)


def test_three_answers_and_what_they_rest_on() -> None:
    for score, verdict, words in (
        (0.80, Verdict.MANIPULATED, "2 of 40 real videos"),
        (0.79, Verdict.CANNOT_TELL, "between the two lines"),
        (0.30, Verdict.CANNOT_TELL, "between the two lines"),
        (0.29, Verdict.NOT_FOUND, "8 of 160 manipulated"),
    ):
        found, (reason,) = judge(score, POINTS)
        assert found == verdict
        assert words in reason
    assert judge(0.99, ())[0] == Verdict.CANNOT_TELL


def test_a_manipulated_second_takes_an_all_clear_back() -> None:
    clear = judge(0.1, POINTS)
    assert judge_stretches(clear, [(2.0, 3.0, 0.79)], POINTS) == clear
    verdict, (reason,) = judge_stretches(clear, [(2.0, 3.0, 0.9)], POINTS)
    assert verdict == Verdict.CANNOT_TELL
    assert "from 2.0 to 3.0 seconds" in reason
    found = judge(0.9, POINTS)
    assert judge_stretches(found, [(2.0, 3.0, 0.9)], POINTS) == found


def test_too_little_to_see() -> None:
    assert too_little(faces=3, frames=100, median_face_px=40) is None
    assert too_little(faces=1, frames=1, median_face_px=90) is None  # a picture
    assert "Only 2 faces" in (too_little(faces=2, frames=100, median_face_px=90) or "")
    assert "39 pixels" in (too_little(faces=9, frames=100, median_face_px=39) or "")


def test_one_manipulated_person_makes_the_file_manipulated() -> None:
    verdict, reasons = judge_file([person(1, 0.1), person(2, 0.9)], otherwise="")
    assert verdict == Verdict.MANIPULATED
    assert reasons[0].startswith("Person 2: ")


def test_an_undecided_person_hides_an_all_clear_but_an_unseen_one_is_only_named() -> None:
    assert judge_file([person(1, 0.1), person(2, 0.5)], otherwise="")[0] == Verdict.CANNOT_TELL
    verdict, reasons = judge_file([person(1, 0.1), person(2, None)], otherwise="")
    assert verdict == Verdict.NOT_FOUND
    assert reasons[-1] == "1 of 2 people could not be judged."
    assert judge_file([person(1, None)], otherwise="") == (Verdict.CANNOT_TELL, ("Too small.",))
    assert judge_file([], otherwise="no face") == (Verdict.CANNOT_TELL, ("No face.",))


def scores(*values: float, step: float = 0.2) -> list[FrameScore]:
    return [FrameScore(i, i * step, value, (0, 0, 9, 9)) for i, value in enumerate(values)]


def test_the_worst_stretch_covers_the_manipulated_interval() -> None:
    values = [0.1] * 20 + [0.9] * 10 + [0.1] * 20  # manipulated from 4.0 to 5.8 seconds
    found = worst_seconds(scores(*values))
    assert all(start >= 3.0 and end <= 6.9 for start, end in found)
    assert any(start <= 4.9 <= end for start, end in found)
    for (_, end), (start, _) in zip(sorted(found), sorted(found)[1:], strict=False):
        assert end < start


def test_a_single_frame_is_a_stretch_of_no_length() -> None:
    assert worst_seconds(scores(0.4)) == ((0.0, 0.0),)
