"""GStreamer's RTSP server, run by the system's Python: PORT FOLDER [CLIP]. See ``stream_servers.rtsp``."""

import sys
from itertools import count

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
port, folder, clip = sys.argv[1:4]
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service(port)
mounts = server.get_mount_points()
numbers = count()


class Recorder(GstRtspServer.RTSPMediaFactory):
    def do_create_element(self, url):
        return Gst.parse_launch(
            f"matroskamux name=mux streamable=true ! filesink location={folder}/recorded-{next(numbers)}.mkv "
            "rtph264depay name=depay0 ! h264parse ! queue ! mux. "
            "rtpmp4gdepay name=depay1 ! aacparse ! queue ! mux."
        )


recorder = Recorder()
recorder.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
mounts.add_factory("/record", recorder)
if clip:
    player = GstRtspServer.RTSPMediaFactory()
    player.set_launch(f"( filesrc location={clip} ! matroskademux ! h264parse ! rtph264pay name=pay0 pt=96 )")
    mounts.add_factory("/play", player)
server.attach(None)
GLib.MainLoop().run()
