"""A language model that is small enough to be made in a test."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_gguf"]

_SIZE, _CONTEXT = 32, 2**15


def write_gguf(path: Path) -> None:
    """Write a Llama of one layer with random weights, and bytes for tokens, as GGUF.

    It talks nonsense, the same to the same messages, in whatever form it is held to. 70 kB.

    References
    ----------
    https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    tokens = [*_byte_letters(), "th", "<|end|>"]
    about = {
        "general.architecture": "llama", "llama.context_length": _CONTEXT, "llama.embedding_length": _SIZE,
        "llama.block_count": 1, "llama.feed_forward_length": _SIZE, "llama.attention.head_count": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.dimension_count": _SIZE // 2,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * (len(tokens) - 1) + [3], "tokenizer.ggml.merges": ["t h"],
        "tokenizer.ggml.eos_token_id": len(tokens) - 1, "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": "{% for one in messages %}{{ one['content'] }}\n{% endfor %}",
    }  # fmt: skip
    square = {f"blk.0.{name}.weight": (_SIZE, _SIZE) for name in (
        "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")}  # fmt: skip
    shapes = {"token_embd.weight": (len(tokens), _SIZE), "output.weight": (len(tokens), _SIZE), **square}
    rng = np.random.default_rng(0)
    tensors = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        tensors[f"{name}.weight"] = np.ones(_SIZE)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(about))
    for name, value in about.items():
        kind, content = _value(value)
        head += _string(name) + struct.pack("<I", kind) + content
    data = b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += tensor.astype("<f4").tobytes()
    path.write_bytes(head + b"\0" * (-len(head) % 32) + data)


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _value(value: Any) -> tuple[int, bytes]:
    """The type and the bytes of a value in GGUF."""
    match value:
        case bool():
            return 7, struct.pack("<?", value)
        case int():
            return 4, struct.pack("<I", value)
        case float():
            return 6, struct.pack("<f", value)
        case str():
            return 8, _string(value)
    kinds = [_value(one) for one in value]
    kind = 5 if kinds[0][0] == 4 else kinds[0][0]  # numbers in lists have a sign
    return 9, struct.pack("<IQ", kind, len(value)) + b"".join(content for _, content in kinds)


def _byte_letters() -> list[str]:
    """The letters that stand for bytes in GPT-2's vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(byte if byte in plain else 256 + others.index(byte)) for byte in range(256)]
