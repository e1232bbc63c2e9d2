-- Q2: the twenty products of each tenant with the greatest revenue between two days (both
-- included), for each currency.
-- Sums are of decimals and exact for numbers of up to 15 digits, which a double holds.
WITH ultima AS (
  SELECT
    compra_id, tenant_id, productos, resumen, metadata, year, month, day,
    ROW_NUMBER() OVER (
      PARTITION BY tenant_id, compra_id, metadata.event_source
      ORDER BY metadata.sequence DESC, metadata.event_id DESC
    ) AS n
  FROM compras_json
),
compras AS (
  SELECT
    tenant_id,
    CONCAT(metadata.event_source, ' ', compra_id) AS compra,
    resumen.moneda AS moneda,
    productos
  FROM ultima
  WHERE n = 1
    AND metadata.event_name <> 'REMOVE'
    AND CONCAT(year, '-', month, '-', day) BETWEEN '${desde}' AND '${hasta}'
    -- SEQUENCE(1, 0) counts down and has two numbers.
    AND CARDINALITY(productos) > 0
),
-- By numbers, since Athena and Trino unnest rows in different ways.
lineas AS (
  SELECT
    tenant_id,
    compra,
    moneda,
    productos[i].codigo AS codigo,
    productos[i].nombre AS nombre,
    CAST(productos[i].precio_unitario AS DECIMAL(38, 6)) AS precio,
    CAST(productos[i].cantidad AS DECIMAL(38, 6)) AS cantidad
  FROM compras
  CROSS JOIN UNNEST(SEQUENCE(1, CARDINALITY(productos))) AS t(i)
),
ventas AS (
  SELECT
    tenant_id,
    moneda,
    codigo,
    nombre,
    COUNT(DISTINCT compra) AS total_compras,
    SUM(cantidad) AS total_cantidad_vendida,
    AVG(precio) AS precio_promedio,
    SUM(precio * cantidad) AS total_ingresos
  FROM lineas
  GROUP BY tenant_id, moneda, codigo, nombre
),
puestos AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY tenant_id, moneda
      ORDER BY total_ingresos DESC, codigo, nombre
    ) AS puesto
  FROM ventas
)
SELECT
  tenant_id,
  moneda,
  puesto,
  codigo,
  nombre,
  total_compras,
  total_cantidad_vendida,
  precio_promedio,
  total_ingresos
FROM puestos
WHERE puesto <= 20
ORDER BY tenant_id, moneda, puesto
