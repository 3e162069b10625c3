"""Model names -> weight file and spec. The small default models ship inside the package."""
