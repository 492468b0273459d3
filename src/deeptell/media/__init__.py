"""Files of video and pictures."""
