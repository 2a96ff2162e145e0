"""NVML and psutil. A machine without a GPU, a driver or a permission is normal, not an error."""

import shutil
from pathlib import Path

import psutil
import pynvml

from adapters.hardware.control_group import remaining_bytes
from adapters.hardware.cpu_load import CpuLoad
from domain.hardware import Accelerator, Hardware, Host
from domain.ports import hardware_probe


class NvmlHardwareProbe(hardware_probe.HardwareProbe):
    """Asks the NVIDIA driver for its GPUs and the kernel for the rest."""

    def __init__(self, data_dir: Path) -> None:
        """`data_dir`: on the disk that is meant; it, or a folder above it, is there."""
        self._data_dir = data_dir
        self._cpu_load = CpuLoad()

    def free_disk_bytes(self) -> int:
        folder = self._data_dir
        while True:
            try:
                return shutil.disk_usage(folder).free
            except FileNotFoundError:
                if folder == folder.parent:
                    raise
                folder = folder.parent

    def read(self) -> Hardware:
        memory, limited = psutil.virtual_memory(), remaining_bytes()
        host = Host(
            cpu_count=psutil.cpu_count() or 1,
            load_percent=self._cpu_load.percent(),
            total_bytes=memory.total,
            available_bytes=memory.available if limited is None else min(memory.available, limited),
        )
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            return Hardware(host=host, accelerators=(), note=f"no NVIDIA GPU ({error})")
        try:
            count = pynvml.nvmlDeviceGetCount()
            found = [_accelerator(index) for index in range(count)]
            lost = [told for told in found if isinstance(told, pynvml.NVMLError)]
            return Hardware(
                host=host,
                accelerators=tuple(told for told in found if isinstance(told, Accelerator)),
                note=f"{len(lost)} of {count} GPUs cannot be read ({lost[0]})" if lost else None,
            )
        except pynvml.NVMLError as error:
            return Hardware(host=host, accelerators=(), note=f"the NVIDIA driver says: {error}")
        finally:
            pynvml.nvmlShutdown()


def _accelerator(index: int) -> Accelerator | pynvml.NVMLError:
    """The GPU at that place; the error where it is off the bus or keeps its memory to itself."""
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    except pynvml.NVMLError as error:
        return error
    return Accelerator(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(handle)),
        total_bytes=int(memory.total),
        used_bytes=int(memory.used),
        load_percent=_load_percent(handle),
        temperature_c=_temperature_c(handle),
        power_w=_power_w(handle),
        slowdown_c=_slowdown_c(handle),
        uuid=_uuid(handle),
        compute_capability=_compute_capability(handle),
    )


def _load_percent(handle: object) -> int | None:
    try:
        return int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except pynvml.NVMLError:
        return None


def _temperature_c(handle: object) -> int | None:
    try:
        return int(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))
    except pynvml.NVMLError:
        return None


def _power_w(handle: object) -> float | None:
    """NVML tells milliwatts."""
    try:
        return float(pynvml.nvmlDeviceGetPowerUsage(handle)) / 1000
    except pynvml.NVMLError:
        return None


def _slowdown_c(handle: object) -> int | None:
    """The threshold itself or, on cards whose driver no longer tells it, by the margin that is left.

    Source: NVML's manual, which replaces the threshold by margins from the Ada generation on.
    """
    try:
        threshold = int(
            pynvml.nvmlDeviceGetTemperatureThreshold(
                handle, pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
            )
        )
    except pynvml.NVMLError:
        threshold = 0
    if threshold > 0:
        return threshold
    try:
        margin = int(pynvml.nvmlDeviceGetMarginTemperature(handle))
    except pynvml.NVMLError:
        return None
    temperature = _temperature_c(handle)
    return None if temperature is None else temperature + margin


def _compute_capability(handle: object) -> tuple[int, int] | None:
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    except pynvml.NVMLError:
        return None
    return int(major), int(minor)


def _uuid(handle: object) -> str | None:
    try:
        return str(pynvml.nvmlDeviceGetUUID(handle))
    except pynvml.NVMLError:
        return None
