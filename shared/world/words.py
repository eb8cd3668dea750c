"""Word banks from which names are made: invented syllables and everyday words in fifteen languages and eight scripts.

Nothing here is an artist's name. Each language has given names, syllables that begin and end a surname or a coined word, and words; the
scripts without capitals have only words, which stand side by side.
"""

from typing import NamedTuple


class Bank(NamedTuple):
    """One language: `given`, `heads` and `tails` make persons and coined words; `words` make bands and titles; `the` is its article."""

    given: list[str]
    heads: list[str]
    tails: list[str]
    words: list[str]
    the: str
    joint: str = " "


def _words(text: str) -> list[str]:
    return text.split()


def _bank(given: str, heads: str, tails: str, words: str, the: str, joint: str = " ") -> Bank:
    return Bank(_words(given), _words(heads), _words(tails), _words(words), the, joint)


BANKS = {
    "en": _bank(
        "Mara Odell Juno Wren Silas Tamsin Orla Ezra Petra Lyle Nadia Corin Ione Rufus Greer Thea Dex Imani Kofi Zadie",
        "Hal Wex Mor Tarn Bel Crow Fen Lang Oak Pell Rad Sten Thorn Vale Wim Yar Quill Brack Dun Lorn",
        "worth by ley more combe field ridge wick ston dale hurst low mere gate shaw croft ver dyne",
        "Lantern Paper Static Velvet Harbor Comet Copper Winter Signal Ghost Marble Neon River Ash Canyon "
        "Satellite Cedar Mirror Thunder Hollow Orchid Saffron Tidal Amber Fever Garden Glass Iron Juniper "
        "Kite Lunar Midnight Northern Opal Pilot Quiet Rodeo Silver Tundra Umbra Violet Wolf Yonder Zero "
        "Honey Echo Anchor Summer Sugar Motel Highway Sunday Daughter Engine Feather Golden Tiger Heaven Home "
        "Forever Tonight Runaway",
        "The",
    ),
    "sv": _bank(
        "Elin Sölve Åsa Måns Tuva Björne Ylva Östen Linnéa Hjördis Kåre Saga",
        "Ljung Häst Sjö Berg Älv Öst Vår Måne Dimm Frost Grå Löv",
        "kvist ström dal mark ås vind ö näs lund fält skär by",
        "Måne Snö Hjärta Skog Vinter Älskling Ljus Östervind Gryning Stjärnfall Sjöbris Ensam Djup Norrsken Åska Längtan Källa Fågel",
        "Den",
    ),
    "de": _bank(
        "Anke Jörn Käthe Lutz Marlén Sönke Uli Wiebke Götz Änne Thilo Jürn",
        "Nacht Grün Küsten Schnee Wölf Mühl Eis Stern Rück Glüh Fähr Kalt",
        "berg licht wald hafen mann feld bäcker stein brück au glas grund",
        "Nachtzug Sehnsucht Größe Küste Funken Schatten Fähre Blüte Straße Morgen Wüste Glück Über Sturm Träume Nebel Heimweh Süden",
        "Die",
    ),
    "fr": _bank(
        "Élodie Aurèle Maëlle Théo Cléo Noémie Gaël Zoë Émile Inès Loïc Solène",
        "Mont Bel Beau Clair Haut Val Roch Fleur Brun Saint-É Lav Orm",
        "rêve ceau fontaine court ville nuit âtre elle mont ray aud ière",
        "Minuit Étoile Forêt Été Rivière Hôtel Cœur Ombre Façade Lumière Château Naïve Brûlé Déjà Encore Océan Fenêtre Fièvre",
        "Les",
    ),
    "es": _bank(
        "Inés Álvaro Lucía Tomás Belén Ñusta Íñigo Sofía Andrés Noé Pía Rubén",
        "Mont Sal Cor Bel Var Luz Riv Cast Mor Ort Zal Peñ",
        "alvo ería azul uña edo illa és ano ón ares ina ará",
        "Corazón Luna Señal Mañana Fuego Niebla Ceniza Otoño Canción Sueño Árbol Río Bailando Noche Cariño Volcán Ciudad Última",
        "Los",
    ),
    "pt": _bank(
        "João Conceição Cauê Luísa Antônio Inês Zé Flávia Tainá Rômulo Íris Davi",
        "Mar Serr Flor Bon Cam Lag Ver Sol Cru Tap Alv Gua",
        "ão inha eira alho elo ança ués ados ós im anã ira",
        "Saudade Coração Manhã Praia Ilusão Sertão Paixão Avenida Maré Estação Verão Chuva Luz Sonhos Céu Tambor Lembrança Você",
        "Os",
    ),
    "it": _bank(
        "Nicolò Chiara Élia Noemi Fosco Lavinia Ruggero Zoe Tiziana Mattìa Ilaria Oreste",
        "Mont Bel Cast Riv Ner Luc Fior Gal Ross Val Ard Sant",
        "ano elli etti ucci alto ino ardi era ombra one iera isio",
        "Notte Città Perché Luna Mare Velluto Stella Domani Cenere Così Vento Fuoco Fragile Libertà Sabbia Inverno Respiro Lontano",
        "I",
    ),
    "pl": _bank(
        "Żaneta Łukasz Święta Bożena Mścisław Józef Grażyna Ścibor Hania Róża Wacław Ola",
        "Gwiazd Łąk Zim Źród Bor Ciem Dęb Wilk Śnież Mgl Krzem Ost",
        "owski ański ewicz iczek ąb niak ów ycki ęga ina oń ska",
        "Gwiazda Miłość Źródło Zima Noc Świt Łódź Cień Księżyc Pamięć Wiatr Róża Żagiel Ślad Dźwięk Jesień Cisza Ogień",
        "Ten",
    ),
    "tr": _bank(
        "Çağla Şirin Gökçe Işık Ümit Özge Doğa İdil Yağız Tuğçe Ilgın Erdem",
        "Ak Gün Yıl Kara Deniz Gök Taş Rüz Gül Demir Ay Çöl",
        "oğlu dağ er ışık türk soy can yıl göl su taş han",
        "Gece Deniz Yıldız Rüzgâr Aşk Gökyüzü Düş Yağmur Kırmızı Uzak Şehir Ateş Güneş Sessiz Yalnız Ağaç Göç İstasyon",
        "Bir",
    ),
    "uk": _bank(
        "Зоряна Ярема Їжак Ґанна Любомир Соломія",
        "Зор Ліс Вітр Степ Гай Мор",
        "енко ович ик ська юк івна",
        "Ніч Вітер Зірка Море Світанок Тінь Дощ Їзда Вогонь Небо Сніг Кохання Ріка Ґанок Весна Луна",
        "",
    ),
    "ja": _bank(
        "", "", "", "夜 星 海 風 月 ひかり さくら 夢 雨 東京線 夏 ゆき カモメ ネオン サイダー 金魚 午前 ノート", "", ""
    ),
    "ko": _bank("", "", "", "별빛 바다 새벽 꿈 여름 고양이 하늘 비 우주 나무 편지 노을 봄날 그림자 기차 눈", ""),
    "zh": _bank("", "", "", "夜 星河 山海 風 月光 夏天 雨 夢 島 城市 燈火 雲 南方 鯨魚 時間 遠方", "", ""),
    "ar": _bank("", "", "", "ليل قمر بحر نجمة صحراء حلم مطر نور قلب مدينة ريح ورد صباح طريق", ""),
    "hi": _bank("", "", "", "रात चाँद सागर सपना बारिश दिल तारा हवा सफ़र रंग धूप शहर यादें नदी", ""),
}

ACTIVITIES = _words(
    "Running Studying Cooking Driving Sleep Focus Gym Party Commute Rainy-Day Dinner Gaming Yoga Cleaning Sunset Monday"
)
MOODS = _words("Chill Happy Sad Late-Night Summer Throwback Heavy Slow Warm Loud Cozy Lost Golden Electric")
