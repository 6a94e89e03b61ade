"""What a trained generator makes images from: latents, walks between them, and where they lie."""
