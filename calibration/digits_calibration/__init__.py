"""What quantization is calibrated on, and how sure a model may say it is."""
