"""`make demo`: some weeks of a believable audience, sent to the deployed stage, and what became of them."""
