"""Recordings as numbers: WAV and FLAC to one channel of 16,000 numbers a second, and spectra of those."""

import io
import math
import wave

import numpy as np
import torch
from torch import Tensor, nn

RATE = 16_000
RATES = (4_000, 192_000)
MAX_CHANNELS = 8
MAX_SECONDS = 600
MAX_VALUES = 60_000_000  # of all channels
WINDOW, HOP, FFT = 400, 160, 512  # of a spectrum: 25 ms, each 10 ms
WHISPER_FFT = 400
SPEECH_FFT, SPEECH_HOP, SPEECH_LOW, SPEECH_HIGH, SPEECH_FLOOR = 1_024, 256, 80, 7_600, 1e-5
TURNS, MOMENTUM = 40, 0.99  # of what finds phases for a spectrum
LOWEST, FLOOR, EMPHASIS = 20.0, 1.192092955078125e-07, 0.97


def decode_sound(data: bytes) -> np.ndarray:
    """A WAV or FLAC file as int16 at RATE; channels are averaged. Raises ValueError with what is wrong with it."""
    values, rate = _flac(data) if data.startswith(b"fLaC") else _wav(data)
    if not len(values):
        raise ValueError("it holds no sound")
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not numbers")
    return (resampled(values, rate) * 32_767).round().clip(-32_768, 32_767).astype(np.int16)


def _check(rate: int, channels: int, frames: int) -> None:
    """Look at what a header says before anything is unpacked. Raises ValueError."""
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"it has {rate} values a second, and not {RATES[0]:,} to {RATES[1]:,}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValueError(f"it has {channels} channels; at most {MAX_CHANNELS} are read")
    if frames > MAX_SECONDS * rate or frames * channels > MAX_VALUES:
        raise ValueError(f"it is longer than {MAX_SECONDS} seconds, or has too many channels for its length")


def _wav(data: bytes) -> tuple[np.ndarray, int]:
    """(values from -1 to 1, values a second) of a WAV of whole numbers."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            rate, channels, frames, width = (
                file.getframerate(),
                file.getnchannels(),
                file.getnframes(),
                file.getsampwidth(),
            )
            _check(rate, channels, frames)
            raw = file.readframes(frames)
    except (wave.Error, EOFError, RuntimeError):  # the last where a part of it is said to go on behind its end
        raise ValueError("it is not a readable WAV of whole numbers (PCM)") from None
    if len(raw) != frames * channels * width:
        raise ValueError("it is cut off")
    return _numbers(raw, width).reshape(-1, channels).mean(1), rate


def _numbers(raw: bytes, width: int) -> np.ndarray:
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:
        bytes_of = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(bytes_of), 4), dtype=np.uint8)
        wide[:, 1:] = bytes_of
        return wide.view("<i4")[:, 0].astype(np.float32) / 2**31
    if width in (2, 4):
        return np.frombuffer(raw, f"<i{width}").astype(np.float32) / 2.0 ** (8 * width - 1)
    raise ValueError(f"it has {8 * width} bits a value")


def _flac(data: bytes) -> tuple[np.ndarray, int]:
    """(values from -1 to 1, values a second) of a FLAC."""
    try:
        import soundfile  # only FLAC needs it, and it loads a library of its own
    except (ImportError, OSError):
        raise ValueError("FLAC cannot be read here; save it as WAV") from None
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format != "FLAC":
                raise ValueError("it is not a FLAC")
            _check(file.samplerate, file.channels, file.frames)
            values = file.read(file.frames, dtype="float32", always_2d=True)
            if len(values) != file.frames:
                raise ValueError("it is cut off")
            return values.mean(1), file.samplerate
    except (soundfile.SoundFileError, RuntimeError, TypeError):
        raise ValueError("it is not a readable FLAC") from None


def resampled(values: np.ndarray, rate: int) -> np.ndarray:
    """The same sound with RATE values a second; what would be too high for that is filtered out."""
    if rate == RATE:
        return values
    from scipy.signal import resample_poly  # only recordings of other rates need it

    both = math.gcd(rate, RATE)
    return resample_poly(values, RATE // both, rate // both).astype(np.float32)


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log(1.0 + hertz / 700.0)


def mel_bands(count: int) -> Tensor:
    """(bins of the spectrum, bands): triangles of equal width in mel that each reach to the middle of the next."""
    edges = np.linspace(_mel(np.array(LOWEST)), _mel(np.array(RATE / 2)), count + 2)
    bins = _mel(np.arange(FFT // 2 + 1) * RATE / FFT)[:, None]
    up, down = bins - edges[None, :-2], edges[None, 2:] - bins
    step = edges[1] - edges[0]
    return torch.from_numpy(np.maximum(0, np.minimum(up, down)) / step).float()


def log_mels(waves: Tensor, bands: Tensor) -> Tensor:
    """(recordings, values) -> (recordings, frames, bands): logarithms of the power in each band.

    As transformers' ASTFeatureExtractor has it without torchaudio; a test holds them equal.
    """
    frames = waves.unfold(-1, WINDOW, HOP)
    frames = frames - frames.mean(-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], -1)
    frames = frames - EMPHASIS * before
    window = torch.hann_window(WINDOW, periodic=False, device=waves.device)
    power = torch.fft.rfft(frames * window, FFT).abs() ** 2
    return (power @ bands.to(waves.device)).clamp(min=FLOOR).log()


def slaney_bands(count: int, fft: int, low: float, high: float) -> Tensor:
    """(bins of a spectrum of `fft` values, bands): triangles on the mel scale of Slaney 1998, each of the same area.

    That scale is straight up to 1,000 hertz and a logarithm above. Its edges lie from `low` to `high` hertz.
    """
    step = math.log(6.4) / 27

    def mel(hertz: float) -> float:
        return 3 * hertz / 200 if hertz < 1_000 else 15 + math.log(hertz / 1_000) / step

    mels = np.linspace(mel(low), mel(high), count + 2)
    edges = np.where(mels < 15, 200 * mels / 3, 1_000 * np.exp(step * (mels - 15)))
    bins = np.linspace(0, RATE / 2, fft // 2 + 1)[:, None]
    up = (bins - edges[None, :-2]) / np.diff(edges)[None, :-1]
    down = (edges[None, 2:] - bins) / np.diff(edges)[None, 1:]
    return torch.from_numpy(np.maximum(0, np.minimum(up, down)) * 2 / (edges[2:] - edges[:-2])).float()


def whisper_mels(waves: Tensor, bands: Tensor) -> Tensor:
    """(recordings, values) -> (recordings, bands, values / HOP), as transformers' WhisperFeatureExtractor has it.

    Radford et al. 2022: what is a hundred million times weaker than the strongest is as weak as that.
    """
    window = torch.hann_window(WHISPER_FFT, device=waves.device)
    power = torch.stft(waves, WHISPER_FFT, HOP, window=window, return_complex=True)[..., :-1].abs() ** 2
    found = (bands.to(waves.device).T @ power).clamp(min=1e-10).log10()
    found = torch.maximum(found, found.amax((1, 2), keepdim=True) - 8)
    return (found + 4) / 4


def speech_mels(waves: Tensor, bands: Tensor) -> Tensor:
    """(recordings, values) -> (recordings, frames, bands): as transformers' SpeechT5FeatureExtractor has it.

    But what is weaker than SPEECH_FLOOR is as weak as that, or silence would be most of what there is to tell.
    """
    window = torch.hann_window(SPEECH_FFT, device=waves.device)
    found = torch.stft(waves, SPEECH_FFT, SPEECH_HOP, window=window, return_complex=True).abs()
    return (found.transpose(1, 2) @ bands.to(waves.device)).clamp(min=SPEECH_FLOOR).log10()


def sound_of(spectra: Tensor, bands: Tensor) -> np.ndarray:
    """What sounds like `speech_mels` (frames, bands): phases are changed until they fit each other.

    Griffin and Lim 1984, “Signal Estimation from Modified Short-Time Fourier Transform”, with the momentum of Perraudin
    et al. 2013.
    """
    bands = bands.to(spectra.device)
    # What lies at the floor is silence. Bands are spread over what they were made of.
    power = torch.where(spectra <= math.log10(SPEECH_FLOOR) + 0.01, 0.0, 10.0 ** spectra.clamp(max=4))
    wanted = (power @ torch.linalg.pinv(bands)).clamp(min=0).T
    frames = wanted.shape[1]
    if frames < 2:
        return np.zeros(SPEECH_HOP, dtype=np.float32)
    # Windows reach half their length over both ends, for which a few frames alone are too short: silence follows.
    wanted = nn.functional.pad(wanted, (0, max(0, SPEECH_FFT // 2 // SPEECH_HOP + 2 - frames)))
    window = torch.hann_window(SPEECH_FFT, device=spectra.device)
    turns = torch.rand(wanted.shape, generator=torch.Generator().manual_seed(1)).to(spectra.device)
    phase, before = torch.polar(torch.ones_like(wanted), 2 * math.pi * turns), torch.zeros_like(wanted) + 0j

    def heard(spectrum: Tensor) -> Tensor:
        return torch.istft(spectrum, SPEECH_FFT, SPEECH_HOP, window=window)

    for _ in range(TURNS):
        found = torch.stft(heard(wanted * phase), SPEECH_FFT, SPEECH_HOP, window=window, return_complex=True)
        moved = found - MOMENTUM / (1 + MOMENTUM) * before
        phase, before = moved / moved.abs().clamp(min=1e-12), found
    return heard(wanted * phase)[: (frames - 1) * SPEECH_HOP].clamp(-1, 1).cpu().numpy()
