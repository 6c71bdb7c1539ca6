"""A register's file as rows: every encoding, separator and header, and what cannot be read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine import PermitsError
from permits_engine.application.register import csv_file
from permits_engine.application.register.csv_file import LONGEST_CELL, LONGEST_ROW, Row, open_register, split
from tests.registers import ENGLISH, FRENCH, GOOD, row, text


def read(folder: Path, content: bytes) -> list[Row]:
    """The rows of a file with this content."""
    path = folder / "register.csv"
    path.write_bytes(content)
    with open_register(path) as file:
        return list(file.rows())


def fields(folder: Path, content: bytes) -> list[dict[str, str]]:
    """The sound rows of a file by column."""
    path = folder / "register.csv"
    path.write_bytes(content)
    with open_register(path) as file:
        return [file.fields(each) for each in file.rows() if each.fault is None]


def refusal(folder: Path, content: bytes) -> str:
    """What is said of a file that cannot be read at all."""
    with pytest.raises(PermitsError) as caught:
        read(folder, content)
    assert caught.value.code == "input.invalid"
    return caught.value.message


ENCODINGS = {
    "utf-8": ("utf-8", b""),
    "utf-8 with BOM": ("utf-8", b"\xef\xbb\xbf"),
    "windows-1252": ("cp1252", b""),
    "utf-16 little endian": ("utf-16-le", b"\xff\xfe"),
    "utf-16 big endian": ("utf-16-be", b"\xfe\xff"),
    "utf-16 without BOM": ("utf-16-le", b""),
    "utf-16 big endian without BOM": ("utf-16-be", b""),
}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("columns", [FRENCH, ENGLISH], ids=["french", "english"])
@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_separator_and_header_reads_the_same(
    name: str, columns: tuple[str, ...], separator: str, tmp_path: Path
) -> None:
    """The contract's seven encodings, three separators and two languages say one and the same row."""
    encoding, mark = ENCODINGS[name]
    whole = text([GOOD], columns=columns, separator=separator)
    [found] = fields(tmp_path, mark + whole.encode(encoding))
    assert found == dict(zip(ENGLISH, GOOD.values(), strict=True))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read_and_counted(end: str, tmp_path: Path) -> None:
    """Lines end as on Unix, Windows or an old Macintosh, and are numbered as an editor does."""
    found = read(tmp_path, text([GOOD, row(nom="Ba")], end=end).encode())
    assert [each.line for each in found] == [2, 3]


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    """The header says where a column is."""
    [found] = fields(tmp_path, text([GOOD], columns=FRENCH[::-1]).encode())
    assert found == dict(zip(ENGLISH, GOOD.values(), strict=True))


def test_the_header_may_mix_languages_and_be_spelt_as_people_do(tmp_path: Path) -> None:
    """Accents, capitals, spaces and dashes in a header do not matter."""
    whole = text([GOOD]).replace("numero_dossier", "Numéro Dossier", 1).replace("prenoms", "PRÉNOMS", 1)
    whole = whole.replace("date_naissance", "birth-date", 1).replace("date_depot", " Date_Dépôt ", 1)
    [found] = fields(tmp_path, whole.encode())
    assert found["birth_date"] == GOOD["date_naissance"]
    assert found["lodged_on"] == GOOD["date_depot"]


AS_OFFICES_WRITE = {
    "numero_dossier": ("N° de dossier", "Nº dossier", "N° Dossier", "Numéro du dossier", "№ de dossier"),
    "nom": ("NOM", "Nom(s)", "Nom de famille", "Surname"),
    "prenoms": ("Prénom(s)", "PRÉNOM", "Given name(s)", "First name"),
    "date_naissance": ("Date de naissance", "Né(e) le", "Date of birth"),
    "sexe": ("Sexe", "Genre"),
    "nationalite": ("Nationalité(s)", "Nationalités"),
    "prefecture": ("Préfecture", "Préfecture / Province"),
    "categorie": ("Catégorie", "Categories"),
    "date_depot": ("Date du dépôt", "Date de la demande"),
    "date_fin": ("Date de fin", "Date d'expiration"),
    "telephone": ("N° de téléphone", "Tél.", "GSM"),
    "email": ("E-mail", "Courriel"),
}


@pytest.mark.parametrize(("name", "heading"), [(a, b) for a, each in AS_OFFICES_WRITE.items() for b in each])
def test_a_heading_is_read_as_offices_write_it(name: str, heading: str, tmp_path: Path) -> None:
    """A degree sign, accents, articles and plurals in brackets do not hide a column."""
    whole = text([GOOD], separator=";").replace(name, heading, 1)
    [found] = fields(tmp_path, whole.encode())
    assert found == dict(zip(ENGLISH, GOOD.values(), strict=True))


def test_a_close_heading_beside_the_columns_own_name_is_another_column(tmp_path: Path) -> None:
    """Two close ones leave open which counts; one beside the own name does not."""
    [found] = fields(tmp_path, text([GOOD | {"tel": "x"}], columns=[*FRENCH, "tel"]).encode())
    assert found["phone"] == GOOD["telephone"]
    twice = [*FRENCH[:-1], "tel", "gsm"]
    assert "occurs twice" in refusal(tmp_path, text([GOOD], columns=twice).encode())


@pytest.mark.parametrize(
    "above",
    [
        "\n\n",
        "Wilaya de Rabat-Salé-Kénitra\n",
        "ROYAUME DU MAROC;;;;\n;;;;\n\nRegistre, arrêté au 31/12/2014;;\n",
        'sep=;\n"Registre; suite"\n',
        '"un titre ouvert\n',
    ],
)
def test_titles_and_empty_lines_may_be_above_the_header(above: str, tmp_path: Path) -> None:
    """They count as lines, and the rows keep the numbers that the office sees."""
    [found] = read(tmp_path, (above + text([GOOD], separator=";", end="\n")).encode())
    assert (found.line, found.fault) == (above.count("\n") + 2, None)


def test_columns_that_mean_nothing_are_passed_over_and_named(tmp_path: Path) -> None:
    """A column of the register's own is ignored, whatever it holds, and the reader is told."""
    path = tmp_path / "register.csv"
    path.write_bytes(text([GOOD | {"remarques": "a\nb\x00"}], columns=[*FRENCH, "remarques"]).encode())
    with open_register(path) as file:
        [found] = file.rows()
        assert file.ignored == ["remarques"]
        assert found.fault is None


def test_optional_columns_may_be_missing(tmp_path: Path) -> None:
    """Only what makes a file and its holder is needed in the header."""
    needed = [name for name, english in zip(FRENCH, ENGLISH, strict=True) if english in csv_file.NEEDED]
    [found] = fields(tmp_path, text([GOOD], columns=needed).encode())
    assert set(found) == set(csv_file.NEEDED)


@pytest.mark.parametrize("name", csv_file.NEEDED)
def test_a_needed_column_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    """Without one of the needed columns nothing is read, and both its names are said."""
    columns = [each for each in ENGLISH if each != name]
    said = refusal(tmp_path, text([GOOD], columns=columns).encode())
    assert f"no column {csv_file.COLUMNS[name]} ({name})" in said


def test_a_repeated_column_is_refused(tmp_path: Path) -> None:
    """Two columns of one meaning, also in two languages, leave open which one counts."""
    assert "occurs twice" in refusal(tmp_path, text([GOOD], columns=[*FRENCH, "family_name"]).encode())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n\n\n", "is empty"),
        (b"PK\x03\x04rest of a workbook", "is a spreadsheet or an archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old spreadsheet"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "is UTF-32"),
        (b"a,b,c\n1,2,3\n", "none of the columns"),
        (bytes(range(256)) * 40, "name it with --encoding"),
        (b'"numero_dossier,nom\n', "none of the columns"),
    ],
)
def test_a_file_that_is_no_register_is_refused_with_the_remedy(
    content: bytes, said: str, tmp_path: Path
) -> None:
    """What is no CSV, or has another header, is ``input.invalid`` and says what is needed."""
    assert said in refusal(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The file that is not there is named."""
    with pytest.raises(PermitsError) as caught, open_register(tmp_path / "no.csv"):
        raise AssertionError("not reached")
    assert caught.value.code == "input.invalid"
    assert "no.csv" in caught.value.message


def test_a_spreadsheets_hint_before_the_header_is_passed_over(tmp_path: Path) -> None:
    """``sep=;`` on the first line is for spreadsheets, and counts as a line."""
    [found] = read(tmp_path, b"sep=;\r\n" + text([GOOD], separator=";").encode())
    assert found.line == 3


def test_blank_rows_are_no_rows(tmp_path: Path) -> None:
    """Empty lines and rows of empty cells, as spreadsheets leave them, are passed over."""
    whole = text([GOOD]) + "\r\n" + "," * 16 + "\r\n" + "   \r\n" + text([row(nom="Ba")]).split("\r\n", 1)[1]
    assert [each.line for each in read(tmp_path, whole.encode())] == [2, 6]


@pytest.mark.parametrize("cells", [1, 16, 18, 40])
def test_a_row_with_too_few_or_too_many_cells_is_at_fault(cells: int, tmp_path: Path) -> None:
    """A row that does not match the header is given whole, with its count."""
    line = ",".join(f"c{n}" for n in range(cells))
    found = read(tmp_path, (text([]) + line + "\r\n" + text([GOOD]).split("\r\n", 1)[1]).encode())
    assert found[0].fault is not None
    assert found[0].fault[0] == "row.cells"
    assert found[0].cells == [f"c{n}" for n in range(cells)]
    assert found[1].fault is None


def test_a_quoted_cell_may_hold_separators_quotes_and_line_breaks(tmp_path: Path) -> None:
    """RFC 4180: the row goes on over its lines, and is numbered by its first."""
    odd = row(nom='Ba, "le grand"\nfils', prenoms="A;B\tC")
    found = read(tmp_path, text([odd, GOOD]).encode())
    assert [each.line for each in found] == [2, 4]
    assert found[0].cells[1:3] == ['Ba, "le grand"\nfils', "A;B\tC"]


def test_a_quotation_mark_left_open_costs_its_own_line_only(tmp_path: Path) -> None:
    """The rows after an open quotation mark are read, also where a later row has quoted cells."""
    lines = text([row(nom=f"N{n}") for n in range(6)] + [row(nom="Ba, fils")] * 2).split("\r\n")
    lines[2] = lines[2].replace("N1", '"N1')
    lines[4] = lines[4].replace("N3", 'N"3')
    found = read(tmp_path, "\r\n".join(lines).encode())
    assert [(each.line, each.fault is None) for each in found] == [
        (2, True),
        (3, False),
        (4, True),
        (5, False),
        (6, True),
        (7, True),
        (8, True),
        (9, True),
    ]
    assert {each.fault[0] for each in found if each.fault} == {"row.unreadable"}
    assert found[1].cells == [lines[2]]


def test_an_open_quotation_mark_at_the_end_is_one_bad_row(tmp_path: Path) -> None:
    """The end of the file closes nothing."""
    whole = text([GOOD]) + '"never closed,'
    found = read(tmp_path, whole.encode())
    assert [each.fault is None for each in found] == [True, False]


def test_very_many_open_quotation_marks_are_read_in_time(tmp_path: Path) -> None:
    """A file made to be slow is not: every line opens a quotation mark that is never closed."""
    lines = "".join(f'"open {n}\n' if n % 2 else f'a "{n}"\n' for n in range(4000))
    found = read(tmp_path, (text([]) + lines).encode())
    assert len(found) == 4000
    assert all(each.fault is not None for each in found)


def test_a_cell_of_a_million_characters_is_at_fault_and_kept_whole(tmp_path: Path) -> None:
    """A field of 1 MB does not go in; the row stays whole for the rejects."""
    found = read(tmp_path, text([row(prenoms="x" * 1_000_000), GOOD]).encode())
    assert found[0].fault is not None
    assert found[0].fault[0] == "row.too_long"
    assert len(found[0].cells[2]) == 1_000_000
    assert found[1].fault is None


def test_a_quoted_cell_of_a_million_characters_is_at_fault(tmp_path: Path) -> None:
    """Quoted or not makes no difference, nor do line breaks within it."""
    huge = ("x" * 20_000 + "\n") * 50
    found = read(tmp_path, text([row(prenoms=huge), GOOD]).encode())
    assert found[0].fault is not None
    assert found[0].fault[0] == "row.too_long"
    assert found[0].cells[2] == huge
    assert found[1].line == 2 + 51


def test_a_row_beyond_measure_is_cut_and_the_next_is_read(tmp_path: Path) -> None:
    """A line of many megabytes is never held whole."""
    whole = text([row(nom="y" * (3 * LONGEST_ROW)), GOOD])
    found = read(tmp_path, whole.encode())
    assert [each.line for each in found] == [2, 3]
    assert found[0].fault is not None
    assert found[0].fault[0] == "row.too_long"
    assert len(found[0].cells[0]) == LONGEST_ROW
    assert found[1].fault is None


def test_a_long_cell_within_a_spreadsheets_limit_is_read(tmp_path: Path) -> None:
    """What a spreadsheet can hold is no fault of form."""
    [found] = read(tmp_path, text([row(nom="x" * LONGEST_CELL)]).encode())
    assert found.fault is None


def test_a_stray_byte_in_utf_8_does_not_make_the_file_another_encoding(tmp_path: Path) -> None:
    """One damaged row among accents in UTF-8 stays one damaged row."""
    whole = (
        text([row(nom="Traoré"), row(nom="Keïta"), row(nom="Baxx")]).encode().replace(b"Baxx", b"Ba\xe9\xe9")
    )
    path = tmp_path / "register.csv"
    path.write_bytes(whole)
    with open_register(path) as file:
        names = [file.fields(each)["family_name"] for each in file.rows()]
        assert file.encoding == "utf-8"
    assert names == ["Traoré", "Keïta", "Ba\udce9\udce9"]


def test_a_byte_that_windows_1252_does_not_have_stays_visible(tmp_path: Path) -> None:
    """Undefined bytes are kept as such, for the row to be rejected by code that knows its columns."""
    whole = (
        text([row(nom="Keita", prenoms="xx")])
        .encode("cp1252")
        .replace(b"Keita", b"Ke\xefta")
        .replace(b"xx", b"\x81")
    )
    [found] = fields(tmp_path, whole)
    assert found["family_name"] == "Keïta"
    assert found["given_names"] == "\udc81"


@given(
    cells=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), min_size=1),
    separator=st.sampled_from([",", ";", "\t"]),
)
def test_whatever_a_csv_writer_writes_is_read_back(cells: list[str], separator: str) -> None:
    """The cells of a row are those that the standard library's writer was given."""
    import csv
    import io

    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator="", quoting=csv.QUOTE_ALL).writerow(cells)
    assert split(out.getvalue(), separator) == cells


@given(st.binary(max_size=2000))
def test_no_bytes_whatever_make_reading_fail_otherwise_than_by_its_code(content: bytes) -> None:
    """After a good header any bytes give rows; as a whole file any bytes give rows or ``input.invalid``."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for whole in (content, text([]).encode() + content):
            try:
                for each in read(Path(folder), whole):
                    assert each.fault is None or each.fault[0].startswith("row.")
            except PermitsError as problem:
                assert problem.code == "input.invalid"
