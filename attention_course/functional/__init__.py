"""Attention in NumPy: what the layers compute, without TensorFlow."""

from attention_course.functional.attention import (
    InputError,
    additive_score,
    causal_mask,
    combine_heads,
    dot_score,
    general_score,
    masked_softmax,
    multi_head_attention,
    padding_mask,
    scaled_dot_product_attention,
    softmax,
    split_heads,
)
