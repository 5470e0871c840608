"""An RTSP server for tests, GStreamer's: plays a film (Matroska; H.264, AAC) at /live, once, as a programme that begins
with its first reader and that others may join.

rtsp_server.py PORT TRANSPORT FILM

TRANSPORT, tcp or udp, is the only one there is; any: both. Each SETUP is printed with what it asks for.
"""

import subprocess
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# A pipe cannot be sought in: no reader can take the others back to the beginning.
PLAY = """( fdsrc fd={} ! matroskademux name=film
    film. ! queue ! h264parse ! rtph264pay name=pay0 pt=96
    film. ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97 )"""


def told(_client, context):
    _, transport = context.request.get_header(GstRtsp.RTSPHeaderField.TRANSPORT, 0)
    print("SETUP", transport, flush=True)


def main():
    port, transport, film = sys.argv[1:]
    Gst.init(None)
    pipe = subprocess.Popen(["cat", film], stdout=subprocess.PIPE).stdout
    tcp, udp = GstRtsp.RTSPLowerTrans.TCP, GstRtsp.RTSPLowerTrans.UDP
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(PLAY.format(pipe.fileno()))
    factory.set_protocols({"tcp": tcp, "udp": udp, "any": tcp | udp}[transport])
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.get_mount_points().add_factory("/live", factory)
    server.connect("client-connected", lambda _server, client: client.connect("setup-request", told))
    if server.attach(None) == 0:
        sys.exit(f"port {port} cannot be had")
    GLib.MainLoop().run()


main()
