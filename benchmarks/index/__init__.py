"""New documents among millions of known ones: what the index of processed documents costs."""
