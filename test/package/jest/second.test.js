test('steps in the realm of another test file', require('./steps.js'));
