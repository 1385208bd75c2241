"""How long work took where it is done: by the host's clock, or on CUDA by two marks in the device's stream of work."""

import time

import torch


class Stopwatch:
    """Runs from its making on. Neither starting nor stopping waits for the device.

    Args:
        device: Where the work is done; on CUDA, in the current stream.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begin = self._end = self._mark()

    def stop(self) -> None:
        """Ends the time; once more, ends it later."""
        self._end = self._mark()

    @property
    def seconds(self) -> float:
        """From making to stopping. On CUDA this waits until the device has come there, if it has not."""
        begin, end = self._begin, self._end
        if isinstance(begin, float) or isinstance(end, float):
            assert isinstance(begin, float) and isinstance(end, float), "both are of one device"
            return end - begin
        end.synchronize()
        return begin.elapsed_time(end) / 1000

    def _mark(self) -> float | torch.cuda.Event:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event
