"""Writes rows as Parquet: the half of `peerscope export --format parquet` that needs Apache Arrow.

peerscope runs this text with `python3 -c`. Descriptors:

    0  in: chunks of CSV, each a big-endian u32 length and so many bytes of whole rows; length 0 ends the rows.
       Input that ends before that is an export that was broken off: nothing valid is left behind.
    1  out: the Parquet file.
    3  out: one JSON object a line: first {"ready": …}, at the end {"bytes": …, "sha256": …, …}; {"error": …}
       instead of either.

The first argument is the plan, in JSON: {"columns": [{"name", "type", "comment"}], "metadata": {…}}. Memory holds one
row group (64 MiB of Arrow data) and one chunk, however many rows there are.
"""

import sys

# An import must not find a module in the folder where the user happens to be.
sys.path = [place for place in sys.path if place]

import binascii
import hashlib
import io
import json
import os
import re
import struct

ROW_GROUP_BYTES = 64 << 20
ROW_GROUP_ROWS = 1 << 20


def report(**members):
    os.write(3, json.dumps(members).encode() + b"\n")


def abandon():
    """Ends without the footer that would make half a file look whole."""
    os._exit(1)


def fail(message):
    report(error=message)
    abandon()


try:
    import pyarrow
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet
except ImportError as error:
    report(missing=str(error))
    abandon()


class Output(io.RawIOBase):
    """Standard output that counts and hashes what goes through it."""

    def __init__(self):
        self.bytes = 0
        self.sha256 = hashlib.sha256()

    def writable(self):
        return True

    def tell(self):
        return self.bytes

    def write(self, data):
        rest = memoryview(data).cast("B")
        self.sha256.update(rest)
        self.bytes += len(rest)
        count = len(rest)
        while rest:
            rest = rest[os.write(1, rest) :]
        return count


def exactly(count):
    """The next bytes of standard input; fewer than asked for when it ends."""
    parts = bytearray()
    while len(parts) < count:
        part = os.read(0, min(count - len(parts), 1 << 20))
        if not part:
            break
        parts += part
    return bytes(parts)


def chunks():
    """The chunks of rows up to the one that ends them."""
    while True:
        header = exactly(4)
        size = struct.unpack(">I", header)[0] if len(header) == 4 else None
        if size == 0:
            return
        rows = exactly(size) if size else b""
        if not size or len(rows) < size:
            abandon()  # peerscope is gone, and has said why.
        yield rows


def arrow_type(name):
    if name.startswith("list<"):
        return pyarrow.list_(arrow_type(name[5:-1]))
    if name.startswith("decimal("):
        precision, scale = (int(number) for number in name[8:-1].split(","))
        return (pyarrow.decimal128 if precision <= 38 else pyarrow.decimal256)(precision, scale)
    return {
        "bool": pyarrow.bool_(),
        "int16": pyarrow.int16(),
        "int32": pyarrow.int32(),
        "int64": pyarrow.int64(),
        "float": pyarrow.float32(),
        "double": pyarrow.float64(),
        "string": pyarrow.string(),
        "binary": pyarrow.binary(),
        "date": pyarrow.date32(),
        "timestamp[us]": pyarrow.timestamp("us"),
        "timestamp[us, UTC]": pyarrow.timestamp("us", "UTC"),
    }[name]


def csv_type(kind):
    """As what a column is read before it gets its type: Arrow's reader knows no hexadecimal and no lists."""
    return pyarrow.string() if pyarrow.types.is_list(kind) else kind


def from_hexadecimal(column):
    """Bytes of hexadecimal digits: all values of a piece at once, since their digits lie one after the other."""
    pieces = []
    for piece in column.chunks:
        validity, offsets, digits = piece.buffers()
        ends = pyarrow.Array.from_buffers(pyarrow.int32(), piece.offset + len(piece) + 1, [None, offsets])
        halves = pyarrow.compute.shift_right(ends, 1).cast(pyarrow.int32())
        content = binascii.unhexlify(digits[: ends[-1].as_py()]) if digits is not None else b""
        pieces.append(
            pyarrow.Array.from_buffers(
                pyarrow.binary(),
                len(piece),
                [validity, halves.buffers()[1], pyarrow.py_buffer(content)],
                offset=piece.offset,
            )
        )
    return pyarrow.chunked_array(pieces, pyarrow.binary())


def from_json(column, kind):
    """Lists, from JSON arrays. Their elements are written as the values of columns are."""
    item = kind.value_type
    exact = pyarrow.types.is_decimal(item)
    cast = pyarrow.types.is_temporal(item) or exact
    element = str if cast else None
    if pyarrow.types.is_binary(item):
        element = bytes.fromhex
    elif pyarrow.types.is_floating(item):
        element = float  # JSON has NaN and the infinities as text.
    elif pyarrow.types.is_string(item):
        element = lambda value: value if isinstance(value, str) else json.dumps(value)

    def values(text):
        if text is None:
            return None
        array = json.loads(text, parse_float=str if exact else None)
        return [value if value is None or element is None else element(value) for value in array]

    lists = [values(text) for text in column.to_pylist()]
    return pyarrow.array(lists, pyarrow.list_(pyarrow.string())).cast(kind) if cast else pyarrow.array(lists, kind)


def main():
    plan = json.loads(sys.argv[1])
    names = [column["name"] for column in plan["columns"]]
    kinds = [arrow_type(column["type"]) for column in plan["columns"]]
    schema = pyarrow.schema(
        [
            pyarrow.field(column["name"], kind, metadata={"comment": column["comment"]} if column["comment"] else None)
            for column, kind in zip(plan["columns"], kinds)
        ],
        metadata=plan["metadata"],
    )
    convert = pyarrow.csv.ConvertOptions(
        column_types={str(number): csv_type(kind) for number, kind in enumerate(kinds)},
        null_values=[""],
        true_values=["true"],
        false_values=["false"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        timestamp_parsers=[pyarrow.csv.ISO8601],
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)

    def table(rows):
        read = pyarrow.csv.ReadOptions(
            # Two columns of a relation never share a name, but one may be empty or odd: numbers are neither.
            column_names=[str(number) for number in range(len(names))],
            block_size=len(rows) + 1,
            use_threads=False,
        )
        try:
            raw = pyarrow.csv.read_csv(pyarrow.py_buffer(rows), read, parse, convert)
        except pyarrow.ArrowInvalid as error:
            fail(re.sub(r"^In CSV column #(\d+): (?:Row #\d+: )?CSV", lambda m: f"column {names[int(m[1])]}:", str(error)))
        columns = []
        for kind, column in zip(kinds, raw.columns):
            if pyarrow.types.is_binary(kind):
                column = from_hexadecimal(column)
            elif pyarrow.types.is_list(kind):
                column = from_json(column, kind)
            columns.append(column)
        return pyarrow.Table.from_arrays(columns, schema=schema)

    report(ready=True, pyarrow=pyarrow.__version__, python=sys.version.split()[0])
    output = Output()
    writer = pyarrow.parquet.ParquetWriter(output, schema, compression="zstd")
    rows = groups = 0
    gathered, size, count = [], 0, 0

    def write_group():
        nonlocal rows, groups, gathered, size, count
        if count:
            writer.write_table(pyarrow.concat_tables(gathered), row_group_size=count)
            rows += count
            groups += 1
        gathered, size, count = [], 0, 0

    for chunk in chunks():
        part = table(chunk)
        gathered.append(part)
        size += part.nbytes
        count += part.num_rows
        if size >= ROW_GROUP_BYTES or count >= ROW_GROUP_ROWS:
            write_group()
    write_group()
    writer.close()
    report(rows=rows, row_groups=groups, bytes=output.bytes, sha256=output.sha256.hexdigest())


try:
    main()
except BrokenPipeError:
    report(closed=True)
    abandon()
except OSError as error:
    fail(error.strerror or str(error))
except Exception as error:
    fail(f"{type(error).__name__}: {error}")
