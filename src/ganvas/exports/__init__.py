"""A trained generator in other forms than a run: as ONNX, or as a folder of files."""
