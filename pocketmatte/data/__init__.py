"""Data sets, augmentation and composition for training (NumPy and OpenCV; torch only in ``dataset``)."""
