-- Orders of a workshop, with statuses in Russian and no constraint on them.
CREATE TABLE orders (
  id serial PRIMARY KEY,
  mechanic_name varchar(120),
  telegram_id varchar(50),
  category varchar(80),
  car_number varchar(20),
  vin varchar(50),
  selected_parts jsonb,
  is_original boolean,
  status varchar(50) NOT NULL DEFAULT 'новый',
  work_status varchar(50) NOT NULL DEFAULT 'новый',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz
);
CREATE INDEX orders_car_number ON orders (car_number);
