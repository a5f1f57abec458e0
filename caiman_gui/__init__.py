"""caiman_gui: from a raw calcium-imaging movie to reviewed cells, traces and spikes."""

__version__ = "0.1.0"
