"""python-hl7 and fhir.resources: `MESSAGES OUTPUT SECONDS`, see ../README.md."""

import json
import sys
import time
from itertools import cycle
from pathlib import Path

import maps


def main():
    messages, output, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    run = {"W1": maps.admission, "W2": maps.results}[messages.stem]
    with messages.open(encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    with output.open("w", encoding="utf-8") as out:
        for text in texts:
            print(run(text), file=out)
    warm, _ = timed(run, texts, seconds)
    count, spent = timed(run, texts, seconds)
    note = f"{warm} messages before"
    print(json.dumps({"workload": messages.stem, "engine": "python", "messages_per_s": count / spent, "note": note}))


def timed(run, texts, seconds):
    start = time.process_time()
    for count, text in enumerate(cycle(texts), 1):
        run(text)
        spent = time.process_time() - start
        if spent >= seconds:
            return count, spent


main()
