"""Compares a Parquet export with a CSV and a JSON lines export of the same rows: compare_parquet.py PARQUET CSV JSONL.

Every value of the Parquet file is written as `peerscope export` writes it in CSV and must be that field; what is NULL
must be NULL in JSON lines, which can tell it from empty text. Prints the number of rows, the number of row groups and the
schema; exits with 1 at the first difference.
"""

import csv
import datetime
import decimal
import json
import math
import sys

import pyarrow
import pyarrow.parquet

csv.field_size_limit(1 << 30)


def plain(value):
    """A value as an element of a JSON array."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f") + ("Z" if value.tzinfo else "")
    return value


def field(value):
    """A value as a CSV field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps([plain(element) for element in value], ensure_ascii=False)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(plain(value))


def same(value, text, kind):
    if value is not None and pyarrow.types.is_floating(kind):
        read = float(text)
        if kind == pyarrow.float32():
            read = pyarrow.array([read], kind)[0].as_py()
        return read == value or (math.isnan(read) and math.isnan(value))
    if isinstance(value, list):
        return json.loads(field(value)) == json.loads(text)
    return field(value) == text


def main(parquet, csv_file, jsonl):
    file = pyarrow.parquet.ParquetFile(parquet)
    schema = file.schema_arrow
    with open(csv_file, newline="", encoding="utf-8") as rows, open(jsonl, encoding="utf-8") as objects:
        fields = csv.reader(rows)
        names = next(fields)
        if names != schema.names:
            sys.exit(f"columns {schema.names} and {names}")
        count = 0
        for batch in file.iter_batches():
            columns = [column.to_pylist() for column in batch.columns]
            for values in zip(*columns):
                texts, object_ = next(fields), json.loads(next(objects))
                for name, kind, value, text in zip(names, schema.types, values, texts):
                    if not same(value, text, kind) or (value is None) != (object_[name] is None):
                        # A JSON null is a value that JSON lines write as NULL.
                        if not (value == "null" and object_[name] is None):
                            sys.exit(f"row {count}, {name}: {value!r}, {text!r} and {object_[name]!r}")
                count += 1
        if next(fields, None) is not None or objects.readline():
            sys.exit(f"the Parquet file ends after {count} rows, the others do not")
    print(f"{count} rows, {file.num_row_groups} row groups")
    for column in schema:
        print(f"{column.name}: {column.type} {(column.metadata or {}).get(b'comment', b'').decode()}".rstrip())


main(*sys.argv[1:])
