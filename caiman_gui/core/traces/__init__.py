"""Traces: noise, deconvolution, baseline and dF/F."""
