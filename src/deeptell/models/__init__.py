"""A batch becomes logits and embeddings; no module here knows a video or a data set."""
