"""Recordings and pictures as numbers, against other readers; and what is broken anywhere, refused in a sentence."""

import io
import wave
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from scipy import signal

from tests.training.engine.conftest import tone, wav_of
from training.engine.readers import decode_image, image_size
from training.engine.sounds import MAX_SECONDS, RATE, decode_sound, resampled

soundfile = pytest.importorskip("soundfile")


def written(values: np.ndarray, rate: int, kind: str, subtype: str) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, values, rate, format=kind, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "off"),
    [
        *(("WAV", "PCM_U8", 1 / 100), ("WAV", "PCM_16", 1e-4), ("WAV", "PCM_24", 1e-4), ("WAV", "PCM_32", 1e-4)),
        *(("FLAC", "PCM_S8", 1 / 100), ("FLAC", "PCM_16", 1e-4), ("FLAC", "PCM_24", 1e-4)),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_what_another_library_wrote_is_read(kind: str, subtype: str, off: float, channels: int) -> None:
    """Noise in every channel, of which the mean is heard."""
    values = np.random.default_rng(channels).uniform(-0.9, 0.9, (1_000, channels))
    found = decode_sound(written(values, RATE, kind, subtype))
    assert found.dtype == np.int16 and len(found) == 1_000
    np.testing.assert_allclose(found / 32_767, values.mean(1), atol=off)


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_other_rates_are_those_of_a_fourier_transform(rate: int) -> None:
    """In the middle of a sum of tones below half of either rate, where both ways to resample are exact."""
    steps = np.arange(rate) / rate
    highest = 0.4 * min(rate, RATE)
    values = sum(np.sin(2 * np.pi * hertz * steps + hertz) for hertz in (100, highest / 3, highest)) / 4
    found = resampled(values.astype(np.float32), rate)
    wanted = signal.resample(values, RATE)
    assert found.dtype == np.float32 and len(found) == RATE
    middle = slice(RATE // 8, -RATE // 8)
    np.testing.assert_allclose(found[middle], wanted[middle], atol=0.02)
    assert resampled(found, RATE) is found


def test_what_is_too_high_to_be_heard_does_not_come_back_as_something_else() -> None:
    steps = np.arange(48_000) / 48_000
    low, high = (np.sin(2 * np.pi * hertz * steps) / 4 for hertz in (1_000, 11_000))
    both = decode_sound(wav_of(low + high, 48_000)) / 32_767
    wanted = decode_sound(wav_of(low, 48_000)) / 32_767
    assert np.abs(both - wanted)[2_000:-2_000].max() < 0.01


def test_the_loudest_is_cut_and_not_turned_around() -> None:
    square = np.sign(np.sin(2 * np.pi * 300 * np.arange(8_000) / 8_000))
    found = decode_sound(wav_of(square))  # a filter overshoots at each edge
    assert found.max() == 32_767 and found.min() <= -32_767
    assert (np.sign(found.reshape(-1, 2)[:, 0].astype(int))[5:20] != 0).all()
    flips = np.count_nonzero(np.diff(np.sign(found[found != 0].astype(int))))
    assert flips == np.count_nonzero(np.diff(np.sign(square[square != 0])))


def header_of(rate: int = 8_000, channels: int = 1, width: int = 2, frames: int = 10) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(frames * channels * width))
    return out.getvalue()


def longer(data: bytes, by: int) -> bytes:
    """A WAV that says of its sound that it goes on."""
    at = data.index(b"data") + 4
    size = int.from_bytes(data[at : at + 4], "little") + by
    return data[:4] + (len(data) + by).to_bytes(4, "little") + data[8:at] + size.to_bytes(4, "little") + data[at + 4 :]


NAN = written(np.array([0.1, np.nan, 0.2]), RATE, "WAV", "FLOAT")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (header_of(3_999), "it has 3999 values a second, and not 4,000 to 192,000"),
        (header_of(192_001), "it has 192001 values a second"),
        (header_of(channels=9), "it has 9 channels; at most 8 are read"),
        (header_of(4_000, width=1, frames=4_000 * MAX_SECONDS + 1), "it is longer than 600 seconds"),
        (header_of(192_000, 8, 1, 7_500_001), "it is longer than 600 seconds, or has too many channels"),
        (header_of(frames=0), "it holds no sound"),
        (header_of()[:-3], "it is cut off"),
        (longer(header_of(), 2), "it is cut off"),
        (header_of()[:30], "it is not a readable WAV"),
        (b"", "it is not a readable WAV"),
        (b"RIFF", "it is not a readable WAV"),
        (b"\xff\xfb\x90\x00" * 20, "it is not a readable WAV"),  # an MP3
        (NAN, "it is not a readable WAV of whole numbers (PCM)"),
        (written(np.zeros(9), RATE, "OGG", "VORBIS"), "it is not a readable WAV"),
        (b"fLaC" + written(np.zeros(9), RATE, "OGG", "VORBIS"), "it is not a readable FLAC"),
        (written(np.zeros((99, 1)), 3_000, "FLAC", "PCM_16"), "it has 3000 values a second"),
    ],
)
def test_a_recording_that_is_none_is_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        decode_sound(data)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(("rate", "frames"), [(4_000, 9), (192_000, 9), (4_000, 4_000 * 60)])
def test_the_limits_themselves_are_read(rate: int, frames: int) -> None:
    assert len(decode_sound(header_of(rate, frames=frames))) == -(-frames * RATE // rate)
    assert len(decode_sound(header_of(RATE, channels=8))) == 10


NOISE = np.random.default_rng(3).integers(256, size=(11, 7, 3)).astype(np.uint8)


def image_of(kind: str, mode: str = "RGB", **more: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).convert(mode).save(file, kind, **more)
    return file.getvalue()


def broken(data: bytes, head: int, chance: np.random.Generator) -> bytes:
    """With some bytes of its beginning changed, or without its end."""
    found = bytearray(data)
    for place in chance.integers(min(head, len(data)), size=chance.integers(1, 4)):
        found[place] = chance.integers(256)
    return bytes(found if chance.random() < 0.8 else found[: chance.integers(len(data))])


@pytest.mark.parametrize(
    ("read", "data", "head"),
    [
        (decode_sound, wav_of(tone(440, 0.01)), 50),
        (decode_sound, written(tone(440, 0.01), 8_000, "FLAC", "PCM_16"), 90),
        (decode_sound, written(tone(440, 0.01), 8_000, "WAV", "PCM_24"), 60),
        (lambda data: decode_image(data, 5, 3), image_of("PNG"), 900),
        (lambda data: decode_image(data, 5, 1), image_of("PNG", "P"), 900),
        (lambda data: decode_image(data, 5, 3), image_of("JPEG"), 700),
        (lambda data: decode_image(data, 5, 3), image_of("WEBP"), 200),
        (image_size, image_of("PNG"), 60),
        (image_size, image_of("WEBP"), 60),
    ],
    ids=["wav", "flac", "wide", "png", "palette", "jpeg", "webp", "png size", "webp size"],
)
def test_a_file_that_is_broken_anywhere_is_read_or_refused(
    read: Callable[[bytes], object], data: bytes, head: int
) -> None:
    """Whatever a library makes of it, what comes out is a sentence for people."""
    chance, refused = np.random.default_rng(7), 0
    read(data)
    for _ in range(120):
        try:
            read(broken(data, head, chance))
        except ValueError as error:
            refused += 1
            assert str(error).startswith("it ")
    assert refused >= 10


# -- pictures


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_pixel_is_grey_or_colour(mode: str, channels: int) -> None:
    grey = np.tile(np.array([[0, 255], [255, 0]], dtype=np.uint8), (4, 4))
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    assert image.mode == mode
    file = io.BytesIO()
    image.save(file, "PNG")
    found = decode_image(file.getvalue(), 8, channels)
    assert found.shape == (channels, 8, 8) and found.dtype == np.uint8
    assert all(np.array_equal(channel, grey) for channel in found)
    assert image_size(file.getvalue()) == (8, 8)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1), ("RGB", 1), ("L", 3)])
@pytest.mark.parametrize("side", [1, 4, 11, 30])
def test_a_picture_is_made_square_as_pillow_does(mode: str, channels: int, side: int) -> None:
    want = Image.fromarray(NOISE).convert(mode).convert("L" if channels == 1 else "RGB")
    pixels = np.asarray(want.resize((side, side), Image.Resampling.BILINEAR)).reshape(side, side, channels)
    assert np.array_equal(decode_image(image_of("PNG", mode), side, channels), pixels.transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["BMP", "GIF", "TIFF", "ICO", "PPM"])
def test_other_formats_are_not_even_tried(kind: str) -> None:
    for read in (lambda data: decode_image(data, 8, 3), image_size):
        with pytest.raises(ValueError, match="it is not a readable PNG, JPEG or WebP"):
            read(image_of(kind))


@pytest.mark.parametrize(("size", "fits"), [((8_000, 5_000), True), ((8_000, 5_001), False)])
def test_pixels_are_counted_before_they_are_unpacked(size: tuple[int, int], fits: bool) -> None:
    file = io.BytesIO()
    Image.new("1", size).save(file, "PNG")
    if fits:
        assert decode_image(file.getvalue(), 4, 1).shape == (1, 4, 4)
        return
    with pytest.raises(ValueError, match="it has too many pixels"):
        decode_image(file.getvalue(), 4, 1)
