"""Pictures and video in and out: sources, sinks, and which file goes where."""
