"""The codes of reasons, by which machines read them, and what each means."""

from deeptell.answers import Reason
from deeptell.faces.read import VideoFaces

CODES = {
    # A finding, or none.
    "above_flag": "the score is at or above the line for manipulation",
    "below_clear": "the score is below the line for suspicion",
    # A finding where error rates were measured with stretches, else "cannot tell".
    "stretch_above_flag": "the whole is below the line for manipulation, but a stretch is above it",
    # "cannot tell", although there is a model with lines and enough to see.
    "between_points": "the score lies between the two lines",
    "unlike_training": "farther from the training data than every validation video",
    "not_filmed": "the faces look drawn: flat areas between sharp edges",
    # "cannot tell": too little to see. Such a person does not hide an answer about others.
    "face_too_small": "the faces are smaller than is needed, or smaller than are looked for",
    "too_blurred": "the faces show no more detail than far smaller ones",
    "too_compressed": "the mean quantiser of the H.264 pictures is too high",
    "too_few_faces": "fewer usable frames of the person than are needed",
    "no_run_of_frames": "nowhere seen in as many frames in a row as the model takes; no score",
    "damaged": "decoding failed in places; a reason for 'cannot tell' where it did in many",
    # "cannot tell": nothing to go by.
    "no_face": "no face was found",
    "unreadable": "nothing in the file can be read",
    "no_error_rates": "the model comes without measured error rates for such files",
    # Beside an answer.
    "people_disagree": "the people of the file have different answers",
    "some_not_judged": "some people of the file could not be judged",
    "shots_apart": "without an identity model each shot's faces stand for themselves",
}
UNSEEN = {
    "face_too_small",
    "too_blurred",
    "too_compressed",
    "too_few_faces",
    "no_run_of_frames",
}


def because(code: str, text: str) -> Reason:
    """A reason with a code of the table."""
    if code not in CODES:
        raise ValueError(f"'{code}' is no code of a reason, of {', '.join(CODES)}")
    return Reason(code, text)


def without_faces(faces: VideoFaces) -> Reason:
    """Why a file gave no face to judge."""
    dropped = faces.dropped
    code = "no_face"
    if dropped.in_passing:
        code = "too_few_faces"
    elif dropped.too_small:
        code = "face_too_small"
    return because(code, f"{faces.reason[:1].upper()}{faces.reason[1:].rstrip('.')}.")
