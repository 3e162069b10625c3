"""What is done with a matte: the looks of the output."""
