"""The grid of small quantized models: their construction and their exact integer answers."""
