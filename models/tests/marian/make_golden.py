#!/usr/bin/env python3
"""Writes a small MarianMT model with random weights, and what transformers makes of it.

    pip install torch==2.11.0 transformers==5.24.0 sentencepiece==0.2.3
    python3 make_golden.py

Trains two SentencePiece models on tests/mt, so all is made here. Writes to ../golden/marian: the model as
OPUS-MT's are laid out (config.json, generation_config.json, vocab.json, source.spm, target.spm, model.safetensors,
and pytorch_model.bin with the same weights), golden.json (tokens and n-best lists) and logits.safetensors.
"""

import json
import shutil
import tempfile
from pathlib import Path

import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "golden" / "marian"
TEXTS = HERE.parents[2] / "tests" / "mt"
CODES = [">>spa<<", ">>por<<"]
SENTENCES = [
    "I need a new belt.",
    ">>spa<< The house is big, and the door is open.",
    ">>por<<Where were you?",
    "ﬁve ﬁsh cost １２ euros\u00a0today",
    "A 東京 word and 🙂🙂 beside it: ñandú.",
    "  Spaces   between\twords  ",
    "No.",
    "Tom wanted to know when Mary would come back from Boston, where she had gone to see her grandmother.",
    "zażółć gęślą jaźń",
    "“Quoted” — isn't it?",
]
# What differs from the configuration on disk, and how the search goes.
RUNS = {
    "greedy": {"num_beams": 1},
    "beam 4": {"num_beams": 4},
    "beam 4, early stopping": {"num_beams": 4, "early_stopping": True},
    "beam 4, never stopping early": {"num_beams": 4, "early_stopping": "never"},
    "beam 3, short": {"num_beams": 3, "length_penalty": 0.2, "max_length": 12},
    "beam 6, long": {"num_beams": 6, "length_penalty": 1.8, "renormalize_logits": True},
    "beam 2, relu": {"num_beams": 2, "activation_function": "relu"},
    "beam 2, gelu, unscaled": {"num_beams": 2, "activation_function": "gelu", "scale_embedding": False},
}


def train(language: str, size: int, rule: str, folder: Path) -> sentencepiece.SentencePieceProcessor:
    name = {"en": "source", "es": "target"}[language]
    sentencepiece.SentencePieceTrainer.train(
        input=str(TEXTS / f"tatoeba.{language}"), model_prefix=str(folder / name), vocab_size=size,
        character_coverage=0.98, bos_id=-1, eos_id=0, unk_id=1, pad_id=-1, num_threads=1, minloglevel=2,
        normalization_rule_name=rule,
    )
    shutil.copy(folder / f"{name}.model", OUT / f"{name}.spm")
    return sentencepiece.SentencePieceProcessor(model_file=str(OUT / f"{name}.spm"))


def vocabulary(models) -> dict[str, int]:
    pieces = ["</s>", "<unk>", *CODES]
    for model in models:
        pieces += [model.id_to_piece(i) for i in range(model.get_piece_size())]
    pieces = list(dict.fromkeys(pieces)) + ["<pad>"]
    return {piece: i for i, piece in enumerate(pieces)}


def model(vocab: dict[str, int]) -> MarianMTModel:
    pad = vocab["<pad>"]
    config = MarianConfig(
        vocab_size=len(vocab), max_position_embeddings=128, d_model=16, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24,
        activation_function="swish", scale_embedding=True, pad_token_id=pad, decoder_start_token_id=pad,
        eos_token_id=0, forced_eos_token_id=0,
    )
    torch.set_num_threads(1)
    torch.manual_seed(11)
    made = MarianMTModel(config).eval()
    for name, weight in made.named_parameters():
        if "embed_positions" in name:
            continue
        centre = 1.0 if name.endswith("layer_norm.weight") else 0.0
        spread = 0.5 if "shared" in name else 0.3
        weight.data = centre + torch.randn(weight.shape) * spread
    made.tie_weights()
    bias = torch.randn(made.final_logits_bias.shape) * 0.4
    bias[0, 0] += 2.0
    made.final_logits_bias.data = bias
    return made


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        vocab = vocabulary([train("en", 130, "nmt_nfkc", Path(temporary)), train("es", 130, "identity", Path(temporary))])
    (OUT / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False, indent=0), encoding="utf-8")
    made = model(vocab)
    tokenizer = MarianTokenizer(
        source_spm=str(OUT / "source.spm"), target_spm=str(OUT / "target.spm"), vocab=str(OUT / "vocab.json"),
    )
    made.generation_config = GenerationConfig(
        num_beams=4, max_length=40, bad_words_ids=[[vocab["<pad>"]]], pad_token_id=vocab["<pad>"], eos_token_id=0,
        decoder_start_token_id=vocab["<pad>"], forced_eos_token_id=0,
    )
    made.save_pretrained(OUT)
    (OUT / "tokenizer_config.json").write_text('{"source_lang": "en", "target_lang": "es"}\n')
    weights = {name: weight for name, weight in made.state_dict().items() if "embed_positions" not in name}
    torch.save(weights, OUT / "pytorch_model.bin")

    sources = [tokenizer(sentence).input_ids for sentence in SENTENCES]
    runs = []
    for name, options in RUNS.items():
        search = dict(options)
        for key in ("activation_function", "scale_embedding"):
            if key in search:
                setattr(made.config, key, search.pop(key))
        run = MarianMTModel(made.config).eval()
        run.load_state_dict(made.state_dict())
        run.generation_config = made.generation_config
        lists = []
        for source in sources:
            ids = torch.tensor([source])
            beams = search["num_beams"]
            answer = run.generate(
                ids, attention_mask=torch.ones_like(ids), num_return_sequences=beams, output_scores=True,
                return_dict_in_generate=True, **search,
            )
            scores = answer.sequences_scores.tolist() if beams > 1 else [0.0]
            best = []
            for tokens, score in zip(answer.sequences.tolist(), scores):
                tokens = tokens[1:]
                tokens = tokens[: tokens.index(0)] if 0 in tokens else tokens
                best.append({"tokens": tokens, "score": score, "text": tokenizer.decode(tokens, skip_special_tokens=True)})
            lists.append(best)
        runs.append({"name": name, "options": options, "answers": lists})
        made.config.activation_function, made.config.scale_embedding = "swish", True

    with torch.no_grad():
        targets = [runs[0]["answers"][i][0]["tokens"] for i in range(len(sources))]
        logits = {}
        for i, (source, target) in enumerate(zip(sources, targets)):
            decoder = torch.tensor([[vocab["<pad>"], *target]])
            logits[str(i)] = made(input_ids=torch.tensor([source]), decoder_input_ids=decoder).logits[0].contiguous()
        chosen = {key: logits[key] for key in ("0", "2", "6")}
    save_file(chosen, OUT / "logits.safetensors")
    golden = {"sentences": SENTENCES, "sources": sources, "runs": runs}
    (OUT / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    for run in runs:
        print(run["name"], [len(answer[0]["tokens"]) for answer in run["answers"]])


if __name__ == "__main__":
    main()
