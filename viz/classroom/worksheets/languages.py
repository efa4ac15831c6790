"""The words of the printed worksheet."""

LANGUAGES: dict[str, dict[str, str]] = {
    "en": {
        "worksheet": "Worksheet",
        "worksheets": "Worksheets",
        "title": "The chain rule by hand",
        "name": "Name",
        "date": "Date",
        "task": "Fill in the blanks: data is the result of the operation, the box on each arrow is for its local "
        "derivative, and grad is the derivative of L with respect to the node.",
        "picture": "the graph, with blanks to fill in",
        "node": "node",
        "work": "grad: contributions, added up",
        "key": "Answer key",
        "contributions": "grad, by contributions",
    },
    "es": {
        "worksheet": "Hoja de ejercicios",
        "worksheets": "Hojas de ejercicios",
        "title": "La regla de la cadena a mano",
        "name": "Nombre",
        "date": "Fecha",
        "task": "Completa los huecos: data es el resultado de la operación, la casilla de cada flecha es para su "
        "derivada local, y grad es la derivada de L respecto al nodo.",
        "picture": "el grafo, con huecos que completar",
        "node": "nodo",
        "work": "grad: contribuciones, sumadas",
        "key": "Soluciones",
        "contributions": "grad, por contribuciones",
    },
    "ja": {
        "worksheet": "ワークシート",
        "worksheets": "ワークシート",
        "title": "手で解く連鎖律",
        "name": "名前",
        "date": "日付",
        "task": "空欄を埋めましょう。data は演算の結果、矢印の上の枠はその局所的な微分、grad は L "
        "をそのノードで微分した値です。",
        "picture": "空欄のあるグラフ",
        "node": "ノード",
        "work": "grad：寄与とその和",
        "key": "解答",
        "contributions": "grad（寄与の和）",
    },
}
