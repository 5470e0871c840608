import base64, sys, wave
import socketio                                      # pip install "python-socketio[client]"

url, source, target = sys.argv[1:4]                  # http://127.0.0.1:8000 in.wav out.wav
recording, dubbed = wave.open(source), []
rate, channels = recording.getframerate(), recording.getnchannels()
worker = socketio.SimpleClient()
worker.connect(url, headers={"X-Stream-ID": "python-example"}, transports=["websocket"])
worker.emit("stream:init", {"source_language": "en", "target_language": "es", "voice_profile": "spanish_female_1",
    "chunk_duration_ms": 6000, "sample_rate_hz": rate, "channels": channels, "format": "pcm_s16le"})
print(worker.receive())                              # ["stream:ready", {…}]
while pcm := recording.readframes(rate * 6):
    worker.emit("fragment:data", {"fragment_id": f"f{len(dubbed)}", "stream_id": "python-example",
        "sequence_number": len(dubbed), "timestamp": len(dubbed) * 6000, "audio": base64.b64encode(pcm).decode(),
        "sample_rate": rate, "channels": channels, "format": "pcm_s16le",
        "duration_ms": len(pcm) * 500 / rate / channels})
    while (event := worker.receive())[0] != "fragment:processed": pass   # fragment:ack comes first
    print(event[1]["status"], event[1].get("translated_text"))
    dubbed.append(base64.b64decode(event[1].get("dubbed_audio", "")) or pcm)
with wave.open(target, "wb") as out:
    out.setparams(recording.getparams())
    out.writeframes(b"".join(dubbed))
