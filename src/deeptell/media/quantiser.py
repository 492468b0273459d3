"""How coarsely H.264 pictures were quantised: what a bit rate only hints at."""

import av
from av.video.frame import PictureType

# Asks FFmpeg's decoders to say how each block was encoded; it costs no time that can be measured.
EXPORT = {"export_side_data": "venc_params"}

_H264 = 1  # AV_VIDEO_ENC_PARAMS_H264; other codecs have other scales


def quantiser_of(frame: av.VideoFrame) -> float | None:
    """The mean quantiser of a picture's blocks, 0 (lossless) to 51.

    None for other codecs, and for pictures predicted from others: what encoders add there
    depends on the motion, while the rate factor alone decides that of intra pictures.
    """
    if frame.pict_type != PictureType.I:
        return None
    told = frame.side_data.get("VIDEO_ENC_PARAMS")
    if told is None or told.codec_type != _H264 or not told.nb_blocks:
        return None
    return float(told.qp_map().mean())
