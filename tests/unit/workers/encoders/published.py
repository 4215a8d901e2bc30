"""What publishers state of their encoders, typed off their papers and model cards, and not off the code under test."""

from __future__ import annotations

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

DIMENSIONS = {
    "dino-vit-b16": 768,
    "dinov2-vit-s14": 384,
    "dinov2-vit-s14-reg4": 384,
    "dinov2-vit-b14": 768,
    "dinov2-vit-b14-reg4": 768,
    "dinov2-vit-l14": 1024,
    "dinov2-vit-l14-reg4": 1024,
    "clip-vit-b32": 512,  # projected; the hidden width is 768
    "clip-vit-b32-gelu": 512,
    "clip-vit-l14": 768,  # projected; the hidden width is 1024
    "clip-vit-l14-gelu": 768,
    "resnet50": 2048,  # before the classifier, which returns 1000
}

PARAMETERS = {  # millions; pictures' half of CLIP, ResNet-50 without its classifier, positions for 224 x 224
    "dino-vit-b16": 85.8,
    "dinov2-vit-s14": 21.7,
    "dinov2-vit-s14-reg4": 21.7,
    "dinov2-vit-b14": 85.7,
    "dinov2-vit-b14-reg4": 85.7,
    "dinov2-vit-l14": 303.2,
    "dinov2-vit-l14-reg4": 303.2,
    "clip-vit-b32": 87.8,
    "clip-vit-b32-gelu": 87.8,
    "clip-vit-l14": 304.0,
    "clip-vit-l14-gelu": 304.0,
    "resnet50": 23.5,
}


def constants(architecture: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and deviation of an architecture's channels."""
    return OPENAI if architecture.startswith("clip") else IMAGENET
