#!/usr/bin/env python3
"""Logits, gradient norm and one AdamW step of an exported checkpoint, computed by transformers and torch.

usage: hf_logits.py CHECKPOINT_DIR TOKENS.json OUT_DIR

TOKENS.json holds {"samples": [[…], …], "masked": id, "lr": rate, "names": [parameter, …]}. Written to OUT_DIR:
  logits.bin    samples × tokens × vocabulary, little-endian f32
  stepped.bin   every parameter after one step, in the order of "names"
  stats.json    {"loss": …, "grad_norm": …, "torch": …, "transformers": …}
"""

import json
import sys
from pathlib import Path

import torch
import transformers


def main() -> None:
    checkpoint, tokens, out = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
    torch.set_num_threads(2)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        checkpoint, torch_dtype=torch.float32, attn_implementation="eager"
    )
    samples = torch.tensor(tokens["samples"])
    logits = model(samples).logits
    write(out / "logits.bin", logits)
    labels = samples[:, 1:].clone()
    labels[labels == tokens["masked"]] = -100
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten(), ignore_index=-100)
    loss.backward()
    grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=tokens["lr"], betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1, foreach=False
    )
    optimizer.step()
    parameters = dict(model.named_parameters())
    write(out / "stepped.bin", torch.cat([parameters[name].flatten() for name in tokens["names"]]))
    stats = {
        "loss": loss.item(),
        "grad_norm": grad_norm.item(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    (out / "stats.json").write_text(json.dumps(stats))


def write(path: Path, values: torch.Tensor) -> None:
    path.write_bytes(values.detach().to(torch.float32).contiguous().numpy().astype("<f4").tobytes())


if __name__ == "__main__":
    main()
