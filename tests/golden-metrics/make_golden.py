#!/usr/bin/env python3
"""Writes the golden files of the text metrics from the published Python packages.

    pip install whisper_normalizer==0.1.15 sacrebleu==2.6.0 jiwer==4.0.0 numpy soundfile
    python3 make_golden.py

Reads lines.txt (English) and lines-other.txt, all written for this purpose; adds number phrases drawn at random
with a fixed seed; writes normalizer.jsonl ({normalizer, input, expected}), scores.json, and ramp.flac: 200 ms in stereo at
16 kHz, 24 bits a sample, the left channel rising from -0.5 to 0.5 and the right one constant at 0.25.
"""

import json
import random
from pathlib import Path

import jiwer
import numpy
import sacrebleu
import soundfile
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

HERE = Path(__file__).resolve().parent
VOCABULARY = (
    "zero oh o one two three five eight nine ten eleven twelve nineteen ones sixes zeroth first second third eighth "
    "ninth twelfth nineteenth twenty thirty ninety twenties sixtieth hundred thousand million billion hundreds "
    "thousandth millions minus negative plus positive pound pounds euros dollar dollars cent cents per percent and "
    "double triple point 7 42 0 1960 3.5 5.0 0.25 $2 £10.50 €3 ¢7 20% 007 cats of"
).split()


def random_phrases(count, seed):
    draw = random.Random(seed)
    for _ in range(count):
        yield " ".join(draw.choice(VOCABULARY) for _ in range(draw.randint(2, 9)))


def normalizer_cases():
    english, words, letters = EnglishTextNormalizer(), BasicTextNormalizer(), BasicTextNormalizer(split_letters=True)
    for line in (HERE / "lines.txt").read_text().splitlines():
        yield "english", line, english(line)
        yield "basic", line, words(line)
    for line in random_phrases(600, seed=20):
        yield "english", line, english(line)
    for line in (HERE / "lines-other.txt").read_text().splitlines():
        yield "english", line, english(line)
        yield "basic", line, words(line)
        yield "letters", line, letters(line)


def corpora():
    """Hypotheses and references: good, poor, short, long, empty ones, and the metrics' own corner cases."""
    references = [
        "The train to Lisbon leaves at 9.15, doesn't it?",
        "She paid 1,250.50 euros for the (rather old) bicycle.",
        "Nobody knew why the lights went out in 2019-20.",
        "Rain is expected over the hills, with up to 30% more wind.",
        "\"Well,\" said the baker, \"we open at six.\"",
        "Cats & dogs are not the only pets in town...",
        "El niño comió tres manzanas y media: ¡qué hambre!",
        "A short one.",
    ]
    good = [
        "The train to Lisbon departs at 9.15, does it not?",
        "She paid 1,250.50 euro for the rather old bicycle.",
        "No one knew why the lights went out in 2019-20.",
        "Rain is expected over the hills with up to 30 % more wind.",
        "\"Well\", the baker said, \"we open at six.\"",
        "Cats &amp; dogs aren't the only pets in town...",
        "El niño se comió tres manzanas y media, ¡qué hambre!",
        "A short one.",
    ]
    poor = ["Train Lisbon 9", "pay bicycle", "light 2019", "wind rain", "baker six open we", "pets", "manzanas", "one"]
    rotated = references[1:] + references[:1]
    shouted = [line.upper() for line in references]
    doubled = [f"{line} {line}" for line in references]
    some_empty = ["" if index % 2 else line for index, line in enumerate(good)]
    tiny = ["a b", "c d", "e"]
    tiny_references = ["a b", "c x", "y"]
    spaced = ["  the   cat\tsat ", "on the mat. ", "the 3,4 -5 a-b 7-8"]
    spaced_references = ["the cat sat", "on the mat.", "the 3,4 -5 a-b 7-8"]
    return {
        "good": (good, references),
        "poor": (poor, references),
        "rotated": (rotated, references),
        "shouted": (shouted, references),
        "doubled": (doubled, references),
        "some empty": (some_empty, references),
        "all empty": ([""] * len(references), references),
        "identical": (references, references),
        "tiny": (tiny, tiny_references),
        "spaced": (spaced, spaced_references),
    }


def scores():
    for name, (hypotheses, references) in corpora().items():
        # jiwer splits at single blanks alone; a word is what white space of any kind sets apart
        words = jiwer.process_words(*([" ".join(line.split()) for line in side] for side in (references, hypotheses)))
        yield {
            "name": name,
            "hypotheses": hypotheses,
            "references": references,
            "bleu": sacrebleu.corpus_bleu(hypotheses, [references]).score,
            "chrf": sacrebleu.corpus_chrf(hypotheses, [references]).score,
            "word_errors": words.substitutions + words.deletions + words.insertions,
            "words": words.hits + words.substitutions + words.deletions,
        }


def main():
    with (HERE / "normalizer.jsonl").open("w") as out:
        for normalizer, text, expected in normalizer_cases():
            case = {"normalizer": normalizer, "input": text, "expected": expected}
            out.write(json.dumps(case, ensure_ascii=False) + "\n")
    ramp = numpy.linspace(-0.5, 0.5, 3200)
    soundfile.write(HERE / "ramp.flac", numpy.stack([ramp, numpy.full(3200, 0.25)], axis=1), 16000, subtype="PCM_24")
    (HERE / "scores.json").write_text(json.dumps(list(scores()), ensure_ascii=False, indent=1) + "\n")


main()
