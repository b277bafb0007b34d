"""Turns a checkpoint into ONNX, quantizes it, and refuses a model that lost accuracy."""
