// Do two scripts mean the same? Their syntax trees are compared, by acorn, which shares nothing with the minifier.
// A minifier may write a value otherwise (undefined as void 0, true as !0, {a: a} as {a}, "a" + "b" as "ab", 60 * 60 as 3600) and may give a name a number
// at its end, where it would be another's otherwise; whether it chose well shows when the script runs.
//
//   node same_script.js ONE.js OTHER.js      exit code 0: the same; 1: not, and where
//
// SPDX-License-Identifier: MIT
const fs = require("fs");
const acorn = require("/usr/share/nodejs/acorn/dist/acorn.js");

const SPELLING = new Set(["start", "end", "raw", "shorthand", "directive"]); // where it stands, and how it is written

function tree(path) {
    const text = fs.readFileSync(path, "utf8");
    try {
        return acorn.parse(text, {ecmaVersion: "latest", sourceType: "script", allowHashBang: true});
    } catch (error) {
        return acorn.parse(text, {ecmaVersion: "latest", sourceType: "module"});
    }
}

function isConstant(node, operator, value) {
    return node.type === "UnaryExpression" && node.operator === operator && node.argument.type === "Literal" &&
        node.argument.value === value;
}

function isString(node) {
    return node.type === "Literal" && typeof node.value === "string";
}

const NUMBERS = {"+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b,
    "<<": (a, b) => a << b, ">>": (a, b) => a >> b, "|": (a, b) => a | b, "&": (a, b) => a & b};

// The value of a calculation with numbers alone; undefined: it is something else.
function number(node) {
    if (node.type === "Literal" && typeof node.value === "number")
        return node.value;
    if (node.type === "UnaryExpression" && node.operator === "-") {
        const value = number(node.argument);
        return value === undefined ? undefined : -value;
    }
    if (node.type !== "BinaryExpression" || !(node.operator in NUMBERS))
        return undefined;
    const [left, right] = [number(node.left), number(node.right)];
    return left === undefined || right === undefined ? undefined : NUMBERS[node.operator](left, right);
}

// A sum's summands, strings beside each other joined.
function sum(node) {
    const parts = [];
    for (; node.type === "BinaryExpression" && node.operator === "+"; node = node.left)
        parts.unshift(plain(node.right));
    parts.unshift(plain(node));
    for (let i = 1; i < parts.length;) {
        if (isString(parts[i - 1]) && isString(parts[i]))
            parts.splice(i - 1, 2, {type: "Literal", value: parts[i - 1].value + parts[i].value});
        else
            i++;
    }
    return parts.length === 1 ? parts[0] : {type: "Sum", parts};
}

// One way to write what can be written in several.
function plain(node) {
    if (!isNode(node))
        return node;
    const value = number(node);
    if (value !== undefined)
        return {type: "Literal", value};
    if (node.type === "BinaryExpression" && /^[!=]==$/.test(node.operator) && isString(node.left) && isString(node.right))
        return {type: "Literal", value: (node.left.value === node.right.value) === (node.operator === "===")};
    if (node.type === "BinaryExpression" && node.operator === "+")
        return sum(node);
    if (node.type === "TemplateLiteral" && node.expressions.length === 0)
        return {type: "Literal", value: node.quasis[0].value.cooked};
    if (isConstant(node, "void", 0))
        return {type: "Identifier", name: "undefined"};
    if (isConstant(node, "!", 0) || isConstant(node, "!", 1))
        return {type: "Literal", value: node.argument.value === 0};
    return node;
}

function sameName(one, other) {
    return one === other || (other.startsWith(one) && /^[0-9]+$/.test(other.slice(one.length)));
}

function isNode(value) {
    return value !== null && typeof value === "object" && typeof value.type === "string";
}

function children(list) {
    return list.filter(item => item === null || item.type !== "EmptyStatement");
}

function differ(a0, b0, where) {
    const [one, other] = [plain(a0), plain(b0)];
    if (Array.isArray(one) && Array.isArray(other)) {
        const [a, b] = [children(one), children(other)];
        if (a.length !== b.length)
            return `${where}: ${a.length} and ${b.length} parts`;
        for (let i = 0; i < a.length; i++) {
            const found = differ(a[i], b[i], `${where}[${i}]`);
            if (found)
                return found;
        }
        return null;
    }
    if (one instanceof RegExp || other instanceof RegExp || typeof one === "bigint")
        return String(one) === String(other) ? null : `${where}: ${one} and ${other}`;
    if (one === null || other === null || typeof one !== "object" || typeof other !== "object")
        return Object.is(one, other) ? null : `${where}: ${one} and ${other}`;
    if (one.type === "Identifier" && other.type === "Identifier")
        return sameName(one.name, other.name) ? null : `${where}: ${one.name} and ${other.name}`;
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
        const found = SPELLING.has(key) ? null : differ(one[key], other[key], isNode(one) ? `${where}.${key}` : where);
        if (found)
            return found;
    }
    return null;
}

const found = differ(tree(process.argv[2]), tree(process.argv[3]), "program");
if (found) {
    console.log(found);
    process.exit(1);
}
