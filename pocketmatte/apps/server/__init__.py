"""``pocketmatte serve``: cut-outs over HTTP, and the web app. Needs the ``server`` extra."""
