"""From frame to matte: preprocess, infer, refine, foreground colours."""
