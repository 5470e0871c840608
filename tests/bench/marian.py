#!/usr/bin/env python3
"""Marian in libtorch beside transformers: one random model of OPUS-MT's size, the same sentences, the same machine.

    pip install torch==2.11.0 transformers==5.24.0 sentencepiece==0.2.3
    cargo build --release --package sts-models --example marian_speed
    python3 tests/bench/marian.py [--threads 2] [--rounds 5] [--tokens 24]

Both get the same token ids, read and write as many of them, and search with the same beams; the times are of the
search alone. Rounds of both take turns. Prints medians and their ratio; says nothing of quality.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "models" / "tests" / "golden" / "marian"
VOCABULARY = 65_001
CASES = [(1, 1), (1, 4), (16, 1), (16, 4), (64, 1)]


def build(folder: Path, tokens: int):
    import torch
    from transformers import GenerationConfig, MarianConfig, MarianMTModel

    pad = VOCABULARY - 1
    torch.manual_seed(1)
    model = MarianMTModel(MarianConfig(
        vocab_size=VOCABULARY, d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
        decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048, max_position_embeddings=512,
        activation_function="swish", scale_embedding=True, pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0,
        forced_eos_token_id=0,
    )).eval()
    # No translation ends before it has as many tokens as were asked for.
    model.final_logits_bias[0, 0] = -1e4
    model.generation_config = GenerationConfig(
        max_length=tokens + 1, bad_words_ids=[[pad]], pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad,
        forced_eos_token_id=0,
    )
    model.save_pretrained(folder)
    pieces = ["</s>", "<unk>", *(f"piece{i}" for i in range(VOCABULARY - 3)), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(pieces)}))
    (folder / "source.spm").write_bytes((GOLDEN / "source.spm").read_bytes())
    return model


class Ours:
    """The example program; one line in, one line out."""

    def __init__(self, folder: Path, threads: int):
        program = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples" / "marian_speed"
        self.process = subprocess.Popen(
            [program, folder, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def milliseconds(self, sources, beams) -> float:
        self.process.stdin.write(json.dumps({"sources": sources, "beams": beams}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.tokens = answer["tokens"]
        return answer["ms"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=24)
    arguments = parser.parse_args()
    import time

    import torch

    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = build(folder, arguments.tokens)
        ours = Ours(folder, arguments.threads)
        print(f"6 + 6 layers, width 512, {VOCABULARY} tokens, float32, {arguments.threads} threads; {arguments.tokens} "
              f"tokens in and out, medians of {arguments.rounds} rounds")
        print(f"{'sentences':>9} {'beams':>5} {'here ms':>9} {'transformers ms':>15} {'ratio':>6}")
        for count, beams in CASES:
            generator = torch.Generator().manual_seed(count)
            shape = (count, arguments.tokens - 1)
            ids = torch.randint(2, VOCABULARY - 1, shape, generator=generator)
            ids = torch.cat([ids, torch.zeros(count, 1, dtype=torch.long)], 1)
            here, there = [], []
            for _ in range(arguments.rounds + 1):
                here.append(ours.milliseconds(ids.tolist(), beams))
                start = time.perf_counter()
                with torch.no_grad():
                    answer = model.generate(ids, attention_mask=torch.ones_like(ids), num_beams=beams)
                there.append((time.perf_counter() - start) * 1000)
            first = [t for t in answer[0].tolist()[1:] if t != 0]
            same = "" if first == ours.tokens else "  (other tokens)"
            mine, theirs = statistics.median(here[1:]), statistics.median(there[1:])
            print(f"{count:>9} {beams:>5} {mine:>9.1f} {theirs:>15.1f} {theirs / mine:>6.2f}{same}")
        ours.close()


if __name__ == "__main__":
    main()
