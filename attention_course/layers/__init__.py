"""Attention as Keras layers; importing this registers all of them for loading."""

from attention_course.layers.attention import (
    AdditiveSelfAttention,
    BahdanauAttention,
    LayerError,
    LearnedPlaces,
    LuongAttention,
    TimeAttention,
)
from attention_course.layers.decoder import AttentionDecoder
from attention_course.layers.kinds import KindOfAttention
from attention_course.layers.ngram import NGramAttention, NGrams
